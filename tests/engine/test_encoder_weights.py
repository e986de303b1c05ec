"""An encoder is found in every kind of checkpoint, whole or not at all."""

import copy

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope

from deeprank_mm.datasets import get_layout
from deeprank_mm.engine.encoder_weights import load_encoder, read_encoder
from tests import toy


def build(cfg):
    with DefaultScope.overwrite_default_scope('mmaction'):
        return MODELS.build(copy.deepcopy(cfg))


@pytest.fixture(scope='module')
def ranker():
    return build(toy.ranker(('joint', 'bone')))


@pytest.fixture
def backbone():
    return build(toy.ENCODER)


@pytest.fixture
def save(tmp_path):
    def save(content):
        path = str(tmp_path / 'x.pth')
        torch.save(content, path)
        return path

    return save


def recogniser_of(encoder):
    """What a finetuned recogniser with this backbone saves."""
    state = {f'backbone.{k}': v for k, v in encoder.state_dict().items()}
    return {**state, 'cls_head.fc.bias': torch.zeros(2)}


def assert_equal(backbone, encoder):
    expected = encoder.state_dict()
    assert set(backbone.state_dict()) == set(expected)
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, expected[key]), key


@pytest.mark.parametrize('ddp', [False, True], ids=['bare', 'ddp'])
@pytest.mark.parametrize('wrapper', [False, True], ids=['plain', 'wrapped'])
@pytest.mark.parametrize(
    'kind, phrase',
    [
        ('ranker', "a ranker's checkpoint (its bone encoder"),
        ('recognizer', "a recogniser's checkpoint"),
        ('backbone', 'a bare backbone'),
    ],
)
def test_every_kind_is_detected(
    ranker, backbone, save, kind, phrase, wrapper, ddp
):
    encoder = ranker.encoders['bone']
    state = dict(
        ranker=ranker.state_dict(),
        recognizer=recogniser_of(encoder),
        backbone=encoder.state_dict(),
    )[kind]
    if ddp:
        state = {f'module.{key}': value for key, value in state.items()}
    path = save(dict(state_dict=state, meta={}) if wrapper else dict(state))
    assert read_encoder(path, 'bone').kind == kind
    said = load_encoder(backbone, path, 'bone')
    assert_equal(backbone, encoder)
    count = len(backbone.state_dict())
    assert f'Loaded {count} of the {count} tensors of STGCN' in said
    assert phrase in said and f'strictly from {path}' in said
    assert f'{count} of the {len(state)} tensors in it' in said
    assert ("without DDP's prefix" in said) == ddp
    # and the same when it is said
    load_encoder(backbone, path, 'bone', kind if not ddp else None)


def test_the_named_encoder_is_the_one(ranker, backbone, save):
    path = save(ranker.state_dict())
    for modality in ('joint', 'bone'):
        load_encoder(backbone, path, modality)
        assert_equal(backbone, ranker.encoders[modality])


def test_a_clusterers_encoder_is_found_like_a_rankers(backbone, save):
    model = build(toy.clusterer(('joint', 'bone')))
    load_encoder(backbone, save(model.state_dict()), 'bone')
    assert_equal(backbone, model.encoders['bone'])


def test_averaged_weights_are_those_of_the_state_dict(ranker, backbone, save):
    # mmengine's EMAHook saves the averages there, and the others beside them
    last = {
        f'module.{key}': torch.full_like(value, 7)
        for key, value in ranker.state_dict().items()
    }
    path = save(dict(state_dict=ranker.state_dict(), ema_state_dict=last))
    assert 'averaged by EMA' in load_encoder(backbone, path)
    assert_equal(backbone, ranker.encoders['joint'])


def test_two_kinds_at_once_are_ambiguous(ranker, backbone, save):
    state = recogniser_of(ranker.encoders['bone'])
    path = save({**ranker.state_dict(), **state})
    with pytest.raises(ValueError, match="'ranker' or 'recognizer'"):
        load_encoder(backbone, path)
    load_encoder(backbone, path, kind='recognizer')
    assert_equal(backbone, ranker.encoders['bone'])
    load_encoder(backbone, path, kind='ranker')
    assert_equal(backbone, ranker.encoders['joint'])


def test_half_a_prefix_is_ambiguous(ranker, save):
    state = ranker.encoders['joint'].state_dict()
    state = {**state, **{f'module.{k}': v for k, v in state.items()}}
    with pytest.raises(ValueError, match="begin with 'module.'"):
        read_encoder(save(state))


@pytest.mark.parametrize(
    'kind, match',
    [
        ('ranker', "it is not a ranker's checkpoint"),
        ('recognizer', "is not a recogniser's checkpoint: no name"),
        ('resnet', "Unknown kind 'resnet'.*ranker, recognizer, backbone"),
    ],
)
def test_a_named_kind_is_checked(backbone, save, kind, match):
    with pytest.raises(ValueError, match=match):
        read_encoder(save(backbone.state_dict()), kind=kind)


def test_a_missing_modality_lists_the_others(ranker, save):
    with pytest.raises(ValueError, match="no 'motion' encoder: .*bone, joint"):
        read_encoder(save(ranker.state_dict()), 'motion')


@pytest.mark.parametrize('content', [{}, [1], dict(state_dict={'a': 1})])
def test_a_file_without_weights(save, content):
    with pytest.raises(ValueError, match='does not hold tensors by name'):
        read_encoder(save(content))


@pytest.mark.parametrize(
    'damage, match',
    [
        (lambda s: s.pop('backbone.gcn.0.gcn.bn.bias'), 'missing: gcn.0'),
        (lambda s: s.update({'backbone.x': torch.ones(1)}), 'unexpected: x'),
        (
            lambda s: s.update(
                {'backbone.data_bn.weight': torch.ones(1)},
            ),
            r'another shape: data_bn.weight \(1,\)',
        ),
    ],
    ids=['missing', 'unexpected', 'shape'],
)
def test_a_part_is_never_loaded(ranker, backbone, save, damage, match):
    state = recogniser_of(ranker.encoders['joint'])
    damage(state)
    before = copy.deepcopy(backbone.state_dict())
    with pytest.raises(ValueError, match=match):
        load_encoder(backbone, save(state))
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, before[key])


def stgcn(layout, **kwargs):
    graph = dict(layout=get_layout(layout), mode='stgcn_spatial')
    return build(
        dict(toy.ENCODER, graph_cfg=dict(graph, **kwargs)),
    )


def test_as_many_joints_in_another_order(save):
    path = save(stgcn('utd_mhad').state_dict())
    load_encoder(stgcn('utd_mhad'), path)
    with pytest.raises(ValueError, match='another joint layout.*MapJoints'):
        load_encoder(stgcn('kinect20'), path)


def test_another_number_of_joints(save):
    path = save(stgcn('utd_mhad').state_dict())
    with pytest.raises(ValueError, match='20 joints instead of 5.*MapJoints'):
        load_encoder(build(toy.ENCODER), path)


def test_a_graph_that_was_averaged_or_halved_is_the_same(save):
    state = {
        key: value.half() if key.endswith('.A') else value
        for key, value in stgcn('kinect20').state_dict().items()
    }
    load_encoder(stgcn('kinect20'), save(state))


def test_another_shape_of_graph_is_no_other_layout(save):
    path = save(stgcn('utd_mhad', max_hop=2).state_dict())
    with pytest.raises(ValueError, match='of another shape: .*gcn.0.gcn.A '):
        load_encoder(stgcn('utd_mhad'), path)


# What weights do not show


def noted(backbone, **skeleton):
    return dict(state_dict=backbone.state_dict(), meta=dict(skeleton=skeleton))


HERE = dict(joint_parents=[1, 1, 1], modalities=['joint'])


def test_noted_skeletons_are_compared(backbone, save):
    path = save(noted(backbone, **HERE))
    load_encoder(backbone, path, skeleton=HERE)
    other = dict(HERE, joint_parents=[0, 0, 0])
    with pytest.raises(ValueError, match='joint layout.*MapJoints'):
        load_encoder(backbone, path, skeleton=other)


def test_the_one_stream_of_a_recogniser_is_compared(backbone, save):
    path = save(noted(backbone, **dict(HERE, modalities=['bone'])))
    load_encoder(backbone, path, 'bone', skeleton=HERE)
    with pytest.raises(ValueError, match='on bone, not on joint.*--modality'):
        load_encoder(backbone, path, 'joint', skeleton=HERE)


def test_what_is_not_known_is_not_compared(backbone, save):
    load_encoder(backbone, save(noted(backbone, **HERE)))
    load_encoder(backbone, save(backbone.state_dict()), skeleton=HERE)
