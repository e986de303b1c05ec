import pytest
import torch
from mmaction import engine  # noqa: F401  (registers AAGCN's initialiser)
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope
from torch import nn

from deeprank_mm.models import MultiViewRanker, SharedEncoder
from deeprank_mm.ranking import (
    pairwise_distance,
    valid_pairs,
    view_distance,
)
from deeprank_mm.structures import FeatureBank
from tests import toy
from tests.literal import literal_loss

ALL = ('joint', 'bone', 'motion')


def batch(size=6, modalities=1):
    inputs = torch.randn(size, 1, 1, 8, 5, 3 * modalities)
    samples = [
        ActionDataSample(metainfo=dict(sample_id=f's{i}')) for i in range(size)
    ]
    return inputs, samples


def bank(size=6, modalities=ALL):
    return FeatureBank(
        [f's{i}' for i in range(size)],
        {m: torch.randn(size, 7) for m in modalities},
    )


def build(*args, **kwargs):
    model = MODELS.build(toy.ranker(*args, **kwargs))
    model.init_weights()
    return model


def test_deeprank_is_the_papers_loss_on_bank_labels():
    model = build()
    model.train_bank = bank()
    inputs, samples = batch()
    losses = model(inputs, samples, mode='loss')
    model.eval()
    model.train()  # same statistics for the reference pass
    features = model.extract_feat(inputs)['joint'].double()
    head = model.heads['joint']['self']
    labels = pairwise_distance(model.train_bank.features['joint'])
    loss, accuracy, _ = literal_loss(
        features,
        labels,
        head.fc0.weight.double(),
        head.fc0.bias.double(),
        head.fc1.weight.double(),
        head.fc1.bias.double(),
    )
    assert set(losses) == {'loss_joint_self', 'acc_joint_self'}
    assert losses['loss_joint_self'].item() == pytest.approx(
        loss.item(), rel=1e-5
    )
    assert losses['acc_joint_self'].item() == pytest.approx(accuracy.item())


def test_every_modality_and_view_has_its_own_loss_and_weight():
    views = ('self', 'other', 'all')
    model = build(ALL, views, view_weights=dict(other=0.5))
    model.train_bank = bank()
    inputs, samples = batch(modalities=3)
    losses = model(inputs, samples, mode='loss')
    assert set(losses) == {
        f'{kind}_{m}_{v}'
        for kind in ('loss', 'acc')
        for m in ALL
        for v in views
    }
    sum(v for k, v in losses.items() if k.startswith('loss')).backward()
    assert all(p.grad is not None for p in model.parameters())
    features = model.extract_feat(inputs)
    raw = model.rank(features, [f's{i}' for i in range(6)], model.train_bank)
    ratio = losses['loss_bone_other'] / raw['bone', 'other'].loss
    assert ratio.item() == pytest.approx(0.5)


def test_an_encoder_that_only_supplies_labels_does_not_learn():
    model = build(ALL, ('other',), train_modalities=['joint'])
    model.train_bank = bank()
    model.train()
    assert not any(m.training for m in model.encoders['bone'].modules())
    before = {k: v.clone() for k, v in model.encoders.state_dict().items()}
    inputs, samples = batch(modalities=3)
    sum(
        v
        for k, v in model(inputs, samples, mode='loss').items()
        if k.startswith('loss')
    ).backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == (
            'bone' not in name and 'motion' not in name
        )
        assert (parameter.grad is not None) == parameter.requires_grad
    for name, value in model.encoders.state_dict().items():
        if not name.startswith('joint'):
            assert torch.equal(value, before[name])


def test_channels_are_split_in_the_order_of_the_modalities():
    model = build(ALL, ('self',)).eval()
    inputs, _ = batch(modalities=3)
    features = model.extract_feat(inputs)
    for i, name in enumerate(ALL):
        alone = model.encoders[name](inputs[:, 0, ..., 3 * i : 3 * i + 3])
        torch.testing.assert_close(features[name], alone.mean((3, 4)).mean(1))
    given = dict(zip(ALL, inputs.chunk(3, -1)))
    for name, value in model.extract_feat(given).items():
        torch.testing.assert_close(value, features[name])


def test_features_are_averaged_over_clips():
    model = build().eval()
    inputs = torch.randn(2, 3, 1, 8, 5, 3)
    whole = model.extract_feat(inputs)['joint']
    parts = [
        model.extract_feat(inputs[:, i : i + 1])['joint'] for i in range(3)
    ]
    torch.testing.assert_close(whole, sum(parts) / 3)


OWN = dict(head=dict(type='CosineRankingHead'), own_clip_weight=0.5)


def test_own_clips_are_ranked_one_by_one_and_first():
    model = MODELS.build(dict(toy.ranker(ALL, ['self', 'all']), **OWN))
    model.init_weights()
    model.train_bank = bank()
    inputs = torch.randn(6, 2, 1, 8, 5, 9)
    _, samples = batch()
    losses = model(inputs, samples, mode='loss')
    # each clip as a sample of its own
    features = model.extract_feat(inputs.flatten(0, 1)[:, None])
    rows = torch.arange(6).repeat_interleave(2)
    single = dict(losses)
    for name in ALL:
        table = pairwise_distance(model.train_bank.features[name][rows])
        head = model.heads[name]['self']
        wanted = head.loss(features[name], table, valid_pairs(rows))
        own = head.own_clip_loss(features[name], rows)
        for view in ('self', 'all'):
            key = f'loss_{name}_{view}_own'
            assert single.pop(key).item() == pytest.approx(
                0.5 * own.loss.item(), rel=1e-5
            )
            single.pop(f'acc_{name}_{view}_own')
        assert losses[f'loss_{name}_self'].item() == pytest.approx(
            wanted.loss.item(), rel=1e-5
        )
    assert set(single) == {
        f'{what}_{name}_{view}'
        for what in ('loss', 'acc')
        for name in ALL
        for view in ('self', 'all')
    }


def test_own_clips_may_come_as_one_tensor_a_modality():
    model = MODELS.build(dict(toy.ranker(ALL), **OWN))
    model.init_weights()
    model.train_bank = bank()
    inputs = torch.randn(6, 2, 1, 8, 5, 9)
    _, samples = batch()
    joined = model(inputs, samples, mode='loss')
    parts = dict(zip(ALL, inputs.chunk(3, dim=-1)))
    apart = model(parts, samples, mode='loss')
    assert {k: v.item() for k, v in apart.items()} == {
        k: v.item() for k, v in joined.items()
    }


def test_own_clips_with_the_papers_head_and_an_activation():
    cfg = toy.ranker()
    cfg['head'] = dict(cfg['head'], act='ReLU')
    model = MODELS.build(dict(cfg, own_clip_weight=1.0))
    model.train_bank = bank()
    inputs = torch.randn(6, 2, 1, 8, 5, 3)
    losses = model(inputs, batch()[1], mode='loss')
    assert losses['loss_joint_self_own'].isfinite()


def listwise(modalities=('joint',), views=('self',), **kwargs):
    head = dict(type='ListRankingHead', in_channels=toy.WIDTH, num_samples=50)
    cfg = toy.ranker(modalities, views)
    model = MODELS.build(dict(cfg, head=dict(head, **kwargs)))
    model.init_weights()
    return model


def test_a_list_head_ranks_the_whole_bank():
    model = listwise(ALL, ['self', 'other'])
    model.train_bank = bank(40)
    inputs, samples = batch(modalities=3)
    losses = model(inputs, samples, mode='loss')
    features = model.extract_feat(inputs)
    every = {
        name: pairwise_distance(value)
        for name, value in model.train_bank.features.items()
    }
    for name in ALL:
        for view in ('self', 'other'):
            table = view_distance(every, name, view)
            near = torch.zeros(40, 40, dtype=torch.bool)
            near.scatter_(1, table.argsort(1)[:, :3], True)  # itself, and 4 %
            rows = model.train_bank.rows([f's{i}' for i in range(6)])
            wanted = model.heads[name][view].bank_loss(
                features[name], near[rows]
            )
            assert losses[f'loss_{name}_{view}'].item() == pytest.approx(
                wanted.loss.item(), rel=1e-5
            )
            assert losses[f'acc_{name}_{view}'] == wanted.accuracy
    assert len(losses) == 12


def test_a_list_head_ranks_the_running_cycles_bank():
    model = listwise(neighbourhood=0.2)
    inputs, samples = batch()
    for size in (100, 40, 40):
        model.train_bank = bank(size)
        losses = model(inputs, samples, mode='loss')
        fresh = listwise(neighbourhood=0.2)
        fresh.load_state_dict(model.state_dict())
        fresh.train_bank = model.train_bank
        assert fresh(inputs, samples, mode='loss') == losses


def test_a_list_head_validates_like_the_cosine_head():
    model, labels = listwise(), bank()
    features = dict(joint=torch.randn(6, toy.WIDTH))
    ids = [f's{i}' for i in range(6)]
    result = model.rank(features, ids, labels)['joint', 'self']
    head = dict(type='CosineRankingHead', temperature=0.1)
    other = MODELS.build(dict(toy.ranker(), head=head))
    assert result == other.rank(features, ids, labels)['joint', 'self']
    assert result.triplets == 120


def test_a_list_head_with_own_clips():
    model = MODELS.build(
        dict(
            toy.ranker(),
            head=dict(type='ListRankingHead', in_channels=toy.WIDTH),
            own_clip_weight=0.5,
        )
    )
    model.train_bank = bank(20)
    inputs = torch.randn(6, 2, 1, 8, 5, 3)
    losses = model(inputs, batch()[1], mode='loss')
    assert set(losses) == {
        'loss_joint_self',
        'acc_joint_self',
        'loss_joint_self_own',
        'acc_joint_self_own',
    }
    # every clip is an anchor by itself
    features = model.extract_feat(inputs.flatten(0, 1)[:, None])['joint']
    table = pairwise_distance(model.train_bank.features['joint'])
    near = torch.zeros(20, 20, dtype=torch.bool)
    near.scatter_(1, table.argsort(1)[:, :2], True)  # itself and 4 %: one
    rows = model.train_bank.rows([f's{i}' for i in range(6)])
    wanted = model.heads['joint']['self'].bank_loss(
        features, near[rows.repeat_interleave(2)]
    )
    assert losses['loss_joint_self'].item() == pytest.approx(
        wanted.loss.item(), rel=1e-5
    )


def test_a_list_head_starts_anew_alike():
    """As after a refresh with `reset_head`: other vectors, by the seed."""
    model = listwise()
    head = model.heads['joint']['self']
    before = head.weight.clone()
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        head.reset_parameters()
        drawn.append(head.weight.clone())
    assert torch.equal(*drawn) and not torch.equal(drawn[0], before)


@pytest.mark.parametrize(
    'inputs, message',
    [
        (torch.randn(6, 1, 1, 8, 5, 9), 'two or more.*AugmentClips'),
        (
            dict(
                joint=torch.randn(6, 2, 1, 8, 5, 3),
                bone=torch.randn(6, 3, 1, 8, 5, 3),
                motion=torch.randn(6, 2, 1, 8, 5, 3),
            ),
            r"every modality.*'bone': \(6, 3",
        ),
        (dict(joint=torch.randn(6, 2, 1, 8, 5, 3)), 'no bone, motion'),
        (torch.randn(6, 3, 8, 9), r'needs skeletons \(B, clips'),
    ],
)
def test_own_clips_need_clips(inputs, message):
    model = MODELS.build(dict(toy.ranker(ALL), **OWN))
    model.train_bank = bank()
    with pytest.raises(ValueError, match=message):
        model(inputs, batch()[1], mode='loss')


def test_a_bad_clip_is_reported_by_its_sample():
    model = MODELS.build(dict(toy.ranker(), **OWN))
    model.train_bank = bank()
    inputs = torch.randn(6, 2, 1, 8, 5, 3)
    inputs[4] = float('nan')
    with pytest.raises(ValueError, match="'s4'") as error:
        model(inputs, batch()[1], mode='loss')
    assert '1 of 6' in str(error.value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_own_clips_on_a_gpu():
    model = MODELS.build(dict(toy.ranker(ALL), **OWN)).cuda()
    model.train_bank = bank()
    inputs = torch.randn(6, 2, 1, 8, 5, 9, device='cuda')
    losses = model(inputs, batch()[1], mode='loss')
    assert all(value.is_cuda for value in losses.values())


@pytest.mark.parametrize(
    'encoder',
    [
        dict(type='AAGCN', base_channels=8, num_person=1),
        dict(
            type='STGCN',  # ST-GCN++
            base_channels=12,
            gcn_adaptive='init',
            gcn_with_res=True,
            tcn_type='mstcn',
        ),
    ],
    ids=['aagcn', 'stgcnpp'],
)
def test_mmaction2s_other_backbones(encoder):
    graph = dict(layout=toy.LAYOUT, mode='spatial')
    sizes = dict(num_stages=3, inflate_stages=[3], down_stages=[3])
    cfg = toy.ranker()
    cfg['encoder'] = dict(encoder, graph_cfg=graph, **sizes)
    cfg['head']['in_channels'] = 2 * encoder['base_channels']
    # as in a Runner: the backbones' own initialisers live in that scope
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg)
        model.init_weights()
    model.train_bank = bank()
    losses = model(*batch(), mode='loss')
    losses['loss_joint_self'].backward()
    grads = [p.grad for p in model.encoders.parameters()]
    assert any(g is not None and g.abs().sum() > 0 for g in grads)


class Image(nn.Module):
    """An encoder that is no skeleton one."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, toy.WIDTH, 3)

    def forward(self, x):
        return self.conv(x)


def test_other_encoders_need_no_redesign():
    model = MultiViewRanker(
        encoder=dict(type=Image),
        head=dict(type='TripletRankingHead', in_channels=toy.WIDTH),
        modalities=['rgb'],
    )
    model.train_bank = bank(modalities=['rgb'])
    _, samples = batch()
    losses = model(torch.randn(6, 3, 9, 9), samples, mode='loss')
    losses['loss_rgb_self'].backward()
    assert model.encoders['rgb'].conv.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('size', [1, 2])
def test_a_batch_without_triplets_is_skipped_and_counted(size):
    model = build()
    model.train_bank = bank()
    inputs, samples = batch(size)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    losses = model(inputs, samples, mode='loss')
    losses['loss_skipped'].backward()
    assert model.skipped_batches == 1
    assert losses['loss_skipped'] == 0
    assert all((p.grad == 0).all() for p in model.parameters())
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])  # no BatchNorm update either


def test_repeated_ids_count_once():
    model = build()
    model.train_bank = bank()
    inputs, samples = batch(4)
    for sample in samples[2:]:
        sample.set_metainfo(dict(sample_id='s0'))
    assert 'loss_skipped' in model(inputs, samples, mode='loss')


def test_predict_attaches_features():
    model = build(ALL).eval()
    inputs, samples = batch(modalities=3)
    out = model(inputs, samples, mode='predict')
    assert out is samples
    assert out[0].feat_bone.shape == (toy.WIDTH,)


def test_banks_are_not_weights():
    model = build()
    keys = set(model.state_dict())
    model.train_bank = bank()
    assert set(model.state_dict()) == keys


def test_without_labels_the_hook_is_named():
    with pytest.raises(RuntimeError, match='RankLabelHook'):
        build()(*batch(), mode='loss')


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(views=['other']), "View 'other'.*only 'joint'"),
        (dict(views=['mine']), "Unknown view 'mine'"),
        (dict(modalities=[]), '`modalities` must be distinct'),
        (dict(modalities=['joint', 'joint']), '`modalities` must be distinct'),
        (dict(modalities=['cpu']), "cannot be named 'cpu'"),
        (dict(modalities=['a.b']), r"cannot be named 'a\.b'"),
        (dict(view_weights=dict(all=1.0)), r"`view_weights` names \['all'\]"),
        (
            dict(train_modalities=['bone']),
            r"`train_modalities` names \['bone'\]",
        ),
        (dict(normalization='l3'), "Unknown normalization 'l3'"),
        (dict(triplet_pool='all'), "triplet_pool 'all'.*local, global"),
        (dict(own_clip_weight=-1.0), '`own_clip_weight` must be 0 or more'),
        (dict(own_clip_weight=1.0), 'sees the anchor.*CosineRankingHead'),
    ],
)
def test_meaningless_choices_are_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(toy.ranker(), **kwargs))


def test_channels_that_do_not_split():
    model = build(ALL)
    with pytest.raises(ValueError, match='4 input channels.*3 modalities'):
        model.extract_feat(torch.zeros(2, 1, 1, 8, 5, 4))


def test_a_head_of_another_width_is_named():
    cfg = toy.ranker()
    cfg['head'] = dict(type='TripletRankingHead', in_channels=32)
    model = MODELS.build(cfg)
    model.train_bank = bank()
    with pytest.raises(ValueError, match=r'\(B, 32\).*in_channels'):
        model(*batch(), mode='loss')


def test_a_stream_starts_alike_alone_and_with_others():
    torch.manual_seed(0)
    alone = build(modalities=('bone',))
    torch.manual_seed(0)
    together = build(modalities=('joint', 'bone', 'motion'))
    for part in ('encoders', 'heads'):
        one = getattr(alone, part)['bone'].state_dict()
        two = getattr(together, part)['bone'].state_dict()
        assert one.keys() == two.keys()
        for name, value in one.items():
            assert torch.equal(value, two[name]), name


def test_encoders_are_initialised_as_in_a_recogniser():
    """MMAction2's temporal convolutions ask for Kaiming's initialisation."""
    model = build(modalities=('joint', 'bone'))
    for encoder in model.encoders.values():
        conv = encoder.gcn[1].tcn.conv
        assert not conv.bias.any()
        expected = (2 / (conv.out_channels * conv.kernel_size[0])) ** 0.5
        assert float(conv.weight.detach().std()) == pytest.approx(
            expected, rel=0.3
        )
    first, second = (e.state_dict() for e in model.encoders.values())
    assert not torch.equal(
        first['gcn.1.tcn.conv.weight'], second['gcn.1.tcn.conv.weight']
    )


def test_a_shared_encoder_sees_the_model_s_modalities_alone():
    model = MODELS.build(toy.ranker(('joint', 'bone')))
    inputs = {
        name: torch.randn(2, 1, 1, 8, 5, 3)
        for name in ('joint', 'bone', 'another')
    }
    shared = SharedEncoder(model, dict(type='JointDistances'))
    assert list(shared.extract_feat(inputs)) == ['joint', 'bone']
