"""GenerateModalities, and the whole chain against the official feeder."""

import os
from pathlib import Path

import numpy as np
import pytest
from mmaction.datasets.transforms import GenSkeFeat
from mmaction.models.utils import Graph
from mmaction.registry import TRANSFORMS
from mmcv.transforms import Compose

from deeprank_mm.datasets.layouts import LAYOUTS
from deeprank_mm.datasets.transforms import (
    CentreSkeleton,
    GenerateModalities,
    TemporalCropResize,
)
from deeprank_mm.datasets.transforms.modalities import joint_parents

SHORT = dict(joint='j', bone='b', motion='jm')
ORDERS = [
    ('joint',),
    ('bone',),
    ('motion',),
    ('joint', 'bone', 'motion'),
    ('motion', 'joint'),
]
# Joint 1 is the root, joint 3 hangs from joint 2.
CHAIN = dict(num_node=4, inward=[(0, 1), (2, 1), (3, 2)], center=1)


def _clip(num_joints, dims=3, num_frames=7):
    rng = np.random.default_rng(2)
    return rng.normal(size=(2, num_frames, num_joints, dims)).astype(
        np.float32
    )


@pytest.mark.parametrize('modalities', ORDERS)
@pytest.mark.parametrize(
    'layout, num_joints, dims, scored',
    [
        ('nturgb+d', 25, 3, False),
        ('coco', 17, 2, True),
        ('coco', 17, 2, False),
        ('coco', 17, 3, False),
        ('openpose', 18, 2, True),
        ('openpose', 18, 3, False),
    ],
)
def test_equals_mmaction(layout, num_joints, dims, scored, modalities):
    keypoint = _clip(num_joints, dims)
    if layout != 'nturgb+d':  # a third channel is a score there
        keypoint[..., 2:] = np.abs(keypoint[..., 2:])

    def sample():
        results = dict(keypoint=keypoint.copy())
        if scored:
            results['keypoint_score'] = np.abs(keypoint[..., 0])
        return results

    expected = GenSkeFeat(layout, [SHORT[name] for name in modalities])(
        sample()
    )
    results = sample()
    given = results['keypoint']
    out = GenerateModalities(layout, modalities)(results)
    np.testing.assert_array_equal(out['keypoint'], expected['keypoint'])
    assert out['keypoint'].dtype == np.float32
    assert 'keypoint_score' not in out
    np.testing.assert_array_equal(given, keypoint)
    assert not np.shares_memory(out['keypoint'], given)


def test_scores_that_were_moved_as_coordinates_are_refused():
    keypoint = np.abs(_clip(17))
    step = GenerateModalities('coco')
    moved = dict(keypoint=keypoint.copy())
    with pytest.raises(ValueError, match='score_channel=True'):
        step(CentreSkeleton(0)(moved))
    left = CentreSkeleton(0, score_channel=True)(dict(keypoint=keypoint))
    np.testing.assert_array_equal(
        step(left)['keypoint'][..., 2], keypoint[..., 2]
    )


def test_layout_dict():
    keypoint = _clip(4)
    out = GenerateModalities(CHAIN, ('bone',))(dict(keypoint=keypoint))
    bone = out['keypoint']
    np.testing.assert_array_equal(bone[:, :, 1], 0)
    np.testing.assert_array_equal(
        bone[:, :, 3], keypoint[:, :, 3] - keypoint[:, :, 2]
    )
    Graph(layout=CHAIN)  # the same dict is what the encoder takes


@pytest.mark.parametrize('name', LAYOUTS)
def test_own_layouts_by_name_and_as_dict(name):
    np.testing.assert_array_equal(
        joint_parents(name), joint_parents(LAYOUTS[name])
    )


@pytest.mark.parametrize(
    'name, num_joints', [('nturgb+d', 25), ('coco', 17), ('openpose', 18)]
)
def test_every_joint_leads_to_one_root(name, num_joints):
    parents = joint_parents(name)
    assert len(parents) == num_joints
    up = np.arange(num_joints)
    for _ in range(num_joints):
        up = parents[up]
    assert len(set(up)) == 1


def test_every_modality_has_its_own_score():
    keypoint = _clip(4)
    score = np.abs(keypoint[..., 0])
    out = GenerateModalities(CHAIN, ('joint', 'bone', 'motion'))(
        dict(keypoint=keypoint, keypoint_score=score)
    )['keypoint']
    assert out.shape == (2, 7, 4, 12)
    joint, bone, motion = np.split(out, 3, axis=-1)
    np.testing.assert_array_equal(joint[..., 3], score)
    np.testing.assert_allclose(
        bone[:, :, 3, 3], (score[:, :, 3] + score[:, :, 2]) / 2
    )
    np.testing.assert_allclose(bone[:, :, 1, 3], score[:, :, 1])
    np.testing.assert_allclose(
        motion[:, :-1, :, 3], (score[:, 1:] + score[:, :-1]) / 2
    )
    assert not motion[:, -1].any()


def test_one_frame_has_no_motion():
    out = GenerateModalities(CHAIN, 'motion')(
        dict(keypoint=_clip(4, num_frames=1))
    )
    assert not out['keypoint'].any()


@pytest.mark.parametrize(
    'layout, modalities, message',
    [
        ('nturgb+d', ('joint', 'bones'), r"modalities.*'bones'"),
        ('nturgb+d', (), 'modalities'),
        ('ntu', ('joint',), "'ntu' is unknown"),
        (dict(num_node=4, center=1), ('joint',), "lacks.*'inward'"),
        (dict(CHAIN, center=2), ('joint',), 'two parents'),
        (dict(CHAIN, inward=[(0, 1), (2, 1), (4, 2)]), ('joint',), 'outside'),
        (dict(CHAIN, inward=[(0, 1)]), ('joint',), r'\[2, 3\].*no parent'),
        (dict(CHAIN, inward=None), ('joint',), 'inward=.*None'),
        (dict(CHAIN, inward=[(0, 1, 2)]), ('joint',), r'inward=.*\(0, 1, 2'),
        (dict(CHAIN, center='0'), ('joint',), 'center=int'),
        (dict(CHAIN, num_node=10**9), ('joint',), 'no parent'),
        (dict(CHAIN, inward=[(0, 2), (2, 0), (3, 1)]), ('joint',), 'circle'),
    ],
)
def test_bad_arguments(layout, modalities, message):
    with pytest.raises(ValueError, match=message):
        GenerateModalities(layout, modalities)


@pytest.mark.parametrize('key', ['keypoint', 'keypoint_score'])
@pytest.mark.parametrize(
    'junk',
    ['text', None, {1}, [[1], [1, 2]], np.array(['1.5']), np.array(1j)],
)
def test_what_is_no_array_of_numbers(key, junk):
    if key == 'keypoint_score' and junk is None:
        return  # no scores, which is sound
    item = dict(_clip_of(4), **{key: junk})
    with pytest.raises(ValueError, match=f"on sample 'a': {key!r} must be an"):
        GenerateModalities(CHAIN)(item)


def _clip_of(num_joints):
    return dict(keypoint=_clip(num_joints), frame_dir='a')


def test_bad_clips_are_clear_errors():
    with pytest.raises(ValueError, match='20 joints.*25'):
        GenerateModalities()(dict(keypoint=_clip(20)))
    with pytest.raises(ValueError, match='keep one of them'):
        GenerateModalities('coco')(
            dict(keypoint=_clip(17), keypoint_score=np.ones((2, 7, 17)))
        )


def _feeder_file():
    data = os.environ.get('DEEPRANK_DATA')
    shared = (
        Path(data).parent
        if data
        else Path(__file__).resolve().parents[3].parent / 'shared'
    )
    return shared / 'parity' / 'sttformer_feeder.npz'


@pytest.mark.skipif(
    not _feeder_file().exists(), reason='the parity files are not here'
)
@pytest.mark.parametrize('case', range(4))
def test_equals_the_official_feeder(case):
    with np.load(_feeder_file()) as file:
        given = file[f'{case}.input_ctvm'].transpose(3, 1, 2, 0)
        for name in ('joint', 'bone', 'motion'):
            pipeline = Compose(
                [
                    TemporalCropResize(120, crop=0.95),
                    GenerateModalities('nturgb+d', (name,)),
                ]
            )
            out = pipeline(dict(keypoint=given))['keypoint']
            expected = file[f'{case}.{name}'].transpose(3, 1, 2, 0)
            np.testing.assert_allclose(out, expected, rtol=0, atol=1e-6)


def test_whole_pipeline_from_a_config():
    pipeline = Compose(
        [
            TRANSFORMS.build(cfg)
            for cfg in (
                dict(type='CentreSkeleton', joint=1),
                dict(type='TemporalCropResize', length=32),
                dict(type='RandomRotation', theta=(0.1, 0.5, 0.1)),
                dict(
                    type='GenerateModalities',
                    layout='nturgb+d',
                    modalities=['joint', 'bone', 'motion'],
                ),
                dict(type='FormatGCNInput', num_person=2),
                dict(type='PackActionInputs', meta_keys=('sample_id',)),
            )
        ]
    )
    keypoint = _clip(25, num_frames=50)[:1]
    before = keypoint.copy()
    out = pipeline(
        dict(
            keypoint=keypoint,
            total_frames=50,
            label=3,
            sample_id='s',
            sample_idx=0,
        )
    )
    assert out['inputs'].shape == (1, 2, 32, 25, 9)
    assert out['data_samples'].sample_id == 's'
    np.testing.assert_array_equal(keypoint, before)
