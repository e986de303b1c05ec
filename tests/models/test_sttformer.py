"""STTFormer against its literal form, the official output and its users."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope

from deeprank_mm.models import STTFormer, convert_sttformer, infer_sttformer
from deeprank_mm.structures import FeatureBank
from tests.models.sttformer_reference import Reference

SMALL = ((8, 8, 4), (8, 12, 3), (12, 12, 5))
# name: what differs from the sizes in `sizes`
CONFIGURATIONS = {
    'as the paper': {},
    'point kernels': dict(kernel_size=(1, 1)),
    'wide kernels': dict(kernel_size=(5, 7)),
    'kernel wider than the tuples': dict(kernel_size=(9, 3)),
    'one head': dict(num_heads=1),
    'four heads': dict(num_heads=4),
    'frames alone': dict(len_parts=1),
    'pairs of frames': dict(len_parts=2),
    'one tuple': dict(len_parts=12),
    'one joint': dict(num_joints=1, len_parts=1),
    'two channels': dict(in_channels=2),
    'no position': dict(use_pes=False),
    'shrinking': dict(config=((12, 8, 2), (8, 4, 6))),
    'one block': dict(config=((6, 10, 1),)),
}


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors: threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def sizes(**changes):
    return dict(
        dict(
            config=SMALL,
            len_parts=3,
            num_frames=12,
            num_joints=5,
            num_heads=3,
            kernel_size=(3, 5),
        ),
        **changes,
    )


def pair(**arguments):
    """The literal network with random weights, and ours with the same."""
    literal = Reference(**arguments)
    for name, tensor in literal.state_dict().items():
        if name.endswith('running_var'):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point() and not name.endswith('.pe'):
            tensor.add_(0.1 * torch.randn_like(tensor))
    ours = STTFormer(**arguments)
    ours.load_state_dict(backbone_weights(literal.state_dict()))
    # the same but for rounding, see convert_sttformer
    for block, literal_block in zip(ours.blocks, literal.blocks):
        if arguments.get('use_pes', True):
            literal_block.pes.pe.copy_(
                block.pes.pe.expand_as(literal_block.pes.pe)
            )
    return literal, ours


def backbone_weights(official):
    return {
        key[len('backbone.') :]: value
        for key, value in convert_sttformer(official).items()
        if key.startswith('backbone.')
    }


def skeletons(frames=12, joints=5, channels=3, samples=2, persons=2):
    """The same clips in the official and in MMAction2's order."""
    x = torch.randn(samples, persons, frames, joints, channels)
    return x.permute(0, 4, 2, 3, 1), x


def assert_close(ours, literal, rtol=1e-5):
    """Relative to the largest entry, in whatever precision."""
    assert ours.shape == literal.shape
    error = (ours - literal).abs().max().item()
    assert error <= rtol * literal.abs().max().item()


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('name', CONFIGURATIONS)
def test_values_and_gradients_are_those_of_the_literal_form(name, training):
    arguments = sizes(**CONFIGURATIONS[name])
    literal, ours = (m.double().train(training) for m in pair(**arguments))
    official, x = skeletons(
        joints=arguments['num_joints'],
        channels=arguments.get('in_channels', 3),
    )
    official = official.double().contiguous().requires_grad_()
    x = x.double().requires_grad_()
    expected, got = literal.features(official), ours(x)
    assert got.shape[:2] == (2, 2)
    assert_close(got.flatten(0, 1), expected, 1e-10)
    weight = torch.randn_like(expected)
    (expected * weight).sum().backward()
    (got.flatten(0, 1) * weight).sum().backward()
    assert_close(x.grad.permute(0, 4, 2, 3, 1), official.grad, 1e-9)
    theirs = dict(literal.named_parameters())
    scale = max(
        p.grad.abs().max() for p in theirs.values() if p.grad is not None
    )
    for key, parameter in ours.named_parameters():
        # some gradients are zero but for rounding: biases before BatchNorm
        error = (parameter.grad - theirs[key].grad).abs().max()
        assert error.item() <= 1e-9 * scale.item(), key
    theirs = literal.state_dict()
    for key, value in ours.state_dict().items():
        torch.testing.assert_close(value, theirs[key])


def test_float32_agrees_too():
    literal, ours = pair(**sizes())
    official, x = skeletons()
    for training in (False, True):
        assert_close(
            ours.train(training)(x).flatten(0, 1),
            literal.train(training).features(official),
        )


def test_the_papers_width_agrees_too():
    # wide and large enough for the spectral way, see tuple_mixing
    literal, ours = pair(config=((128, 256, 4),), num_frames=120)
    official, x = skeletons(120, 25, samples=4, persons=1)
    with torch.no_grad():
        assert_close(ours(x).flatten(0, 1), literal.features(official))


def test_attention_dropout_is_the_official_one():
    literal, ours = pair(**sizes(att_drop=0.5))
    official, x = skeletons()
    torch.manual_seed(1)
    expected = literal.features(official)
    torch.manual_seed(1)
    got = ours(x).flatten(0, 1)
    assert_close(got, expected)
    assert not torch.equal(got, ours(x).flatten(0, 1))


def test_output_dropout_takes_whole_joints_in_training_only():
    model = STTFormer(**sizes(dropout2d=0.5))
    _, x = skeletons()
    out = model(x)
    gone = (out == 0).all(2)
    assert torch.equal(gone, (out == 0).any(2))
    assert 0.3 < gone.float().mean() < 0.7
    assert not (model.eval()(x) == 0).any()


@pytest.fixture(scope='module')
def fixture():
    """Weights, input and outputs of the official code."""
    root = Path(__file__).resolve().parents[2]
    folders = [root.parent / 'shared' / 'parity']
    if os.environ.get('DEEPRANK_DATA'):
        data = Path(os.environ['DEEPRANK_DATA'])
        folders.insert(0, data.parent / 'parity')
    for folder in folders:
        if (folder / 'sttformer_small.npz').is_file():
            with np.load(folder / 'sttformer_small.npz') as file:
                return {k: torch.from_numpy(v) for k, v in file.items()}
    pytest.skip(f'no sttformer_small.npz in {" or ".join(map(str, folders))}')


def recogniser(classes=10, **arguments):
    cfg = dict(
        type='RecognizerGCN',
        backbone=dict(type='STTFormer', **arguments),
        cls_head=dict(
            type='GCNHead',
            num_classes=classes,
            in_channels=arguments['config'][-1][1],
        ),
    )
    with DefaultScope.overwrite_default_scope('mmaction'):
        return MODELS.build(cfg)


def test_the_official_output(fixture):
    official = {
        key[3:]: value
        for key, value in fixture.items()
        if key.startswith('sd.')
    }
    model = recogniser(
        config=[[16, 16, 4], [16, 32, 8], [32, 32, 8]], num_frames=24
    )
    model.load_state_dict(convert_sttformer(official))
    model.eval()
    clips = fixture['input_nctvm'].permute(0, 4, 2, 3, 1)
    with torch.no_grad():
        features = model.backbone(clips)
        logits = model.cls_head(features)
    assert features.shape == (2, 2, 32, 4, 150)
    assert_close(features.flatten(0, 1), fixture['last_block'])
    assert_close(logits, fixture['logits'])
    inferred = infer_sttformer(official)
    assert inferred['num_joints'] == 150
    assert inferred['config'] == ((16, 16, 4), (16, 32, 8), (32, 32, 8))


def test_the_papers_network():
    with torch.device('meta'):
        model = STTFormer()
    assert len(model.blocks) == 8
    assert model.blocks[-1].att0s.shape == (1, 3, 150, 150)
    weights = sum(p.numel() for p in model.parameters())
    assert 5.5e6 < weights < 7e6


def test_it_learns_in_mmactions_recogniser():
    model = recogniser(2, **sizes(config=SMALL[:2]))
    model.init_weights()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    inputs = torch.randn(8, 1, 1, 6, 5, 3)
    inputs[::2, ..., 2] += 1
    samples = [ActionDataSample().set_gt_label(i % 2) for i in range(8)]
    history = []
    for _ in range(12):
        losses = model(inputs, samples, mode='loss')
        optimizer.zero_grad()
        losses['loss_cls'].backward()
        assert all(p.grad is not None for p in model.parameters())
        optimizer.step()
        history.append(losses['loss_cls'].item())
    assert history[-1] < 0.7 * history[0]
    model.eval()
    predicted = model(inputs, samples, mode='predict')
    assert predicted[0].pred_score.shape == (2,)


def test_it_encodes_for_the_ranker():
    model = MODELS.build(
        dict(
            type='MultiViewRanker',
            encoder=dict(type='STTFormer', **sizes(config=SMALL[:2])),
            head=dict(
                type='TripletRankingHead', in_channels=12, hidden_channels=6
            ),
            modalities=['joint', 'bone'],
        )
    )
    model.init_weights()
    ids = [f's{i}' for i in range(5)]
    model.train_bank = FeatureBank(
        ids, {m: torch.randn(5, 7) for m in ('joint', 'bone')}
    )
    samples = [ActionDataSample(metainfo=dict(sample_id=i)) for i in ids]
    inputs = torch.randn(5, 1, 2, 12, 5, 6)
    losses = model(inputs, samples, mode='loss')
    (losses['loss_joint_self'] + losses['loss_bone_self']).backward()
    assert all(p.grad is not None for p in model.encoders.parameters())
    model.eval()
    features = model.extract_feat(inputs)['bone']
    direct = model.encoders['bone'](inputs[:, 0, ..., 3:])
    torch.testing.assert_close(features, direct.mean((3, 4)).mean(1))


def test_pooling_is_the_official_one():
    literal, ours = pair(**sizes())
    official, x = skeletons(persons=3)
    with torch.no_grad():
        pooled = ours.eval()(x).mean(dim=(3, 4)).mean(dim=1)
        assert_close(literal.fc(pooled), literal.eval()(official))


@pytest.mark.parametrize('persons', [1, 3])
@pytest.mark.parametrize('frames', [3, 6, 30])
def test_other_persons_and_frames_than_it_was_built_for(persons, frames):
    arguments = sizes()
    literal, ours = pair(**arguments)
    longer = Reference(**dict(arguments, num_frames=frames))
    tables = {k: v for k, v in longer.state_dict().items() if '.pe' in k}
    longer.load_state_dict(dict(literal.state_dict(), **tables))
    official, x = skeletons(frames=frames, persons=persons)
    assert_close(
        ours.eval()(x).flatten(0, 1), longer.eval().features(official)
    )


def test_inputs_may_lie_in_memory_in_any_way():
    model = STTFormer(**sizes()).eval()
    _, x = skeletons()
    strided = torch.stack([x, x], -1)[..., 0]
    assert not strided.is_contiguous()
    torch.testing.assert_close(model(strided), model(x))


def test_bfloat16_autocast():
    model = STTFormer(**sizes())
    _, x = skeletons()
    with torch.autocast('cpu', torch.bfloat16):
        out = model(x)
    out.float().square().mean().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_weights_start_as_in_the_official_code():
    model = STTFormer(config=((64, 64, 16),), num_frames=6)
    model.init_weights()
    conv = model.blocks[0].out_nett[0]
    assert conv.weight.std().item() == pytest.approx(
        (2 / (64 * 3)) ** 0.5, rel=0.05
    )
    assert conv.bias.abs().sum() > 0
    torch.testing.assert_close(
        model.blocks[0].att0s, torch.full((1, 3, 150, 150), 1 / 150)
    )


@pytest.mark.parametrize(
    'shape, message',
    [
        ((2, 1, 13, 5, 3), r'13 frames.*len_parts=3.*such as 12'),
        ((2, 1, 2, 5, 3), r'2 frames.*such as 3'),
        ((2, 1, 0, 5, 3), r'0 frames'),
        ((2, 1, 12, 6, 3), r'5 joints of 3 channels and got 6 of 3'),
        ((2, 1, 12, 5, 4), r'got 5 of 4.*in_channels=4'),
        ((2, 12, 5, 3), r'\(N, M, T, V, C\), got \(2, 12, 5, 3\)'),
    ],
)
def test_clips_that_do_not_fit_are_named(shape, message):
    with pytest.raises(ValueError, match=message):
        STTFormer(**sizes())(torch.zeros(shape))


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(num_frames=13), 'num_frames=13.*len_parts=3.*such as 12'),
        (dict(len_parts=0), 'positive len_parts, got 0'),
        (dict(num_heads=0), 'positive num_heads'),
        (dict(att_drop=-0.1), r'att_drop in \[0, 1\].* got -0.1'),
        (dict(dropout2d=1.5), r'dropout2d in \[0, 1\].* got 1.5'),
        (dict(kernel_size=(3, 4)), r'odd kernel.*\(3, 4\)'),
        (dict(kernel_size=(3,)), 'two odd kernel'),
        (dict(config=()), 'needs a block'),
        (dict(config=((8, 8),)), r'Block 0 of config is \(8, 8\)'),
        (dict(config=((8, 8, 0),)), 'Block 0 of config'),
        (
            dict(config=((8, 8, 4), (6, 8, 4))),
            'Block 1 of config takes 6 channels, but block 0 gives 8',
        ),
    ],
)
def test_sizes_that_make_no_sense_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        STTFormer(**sizes(**changes))
