"""Bones and sides of layouts, and what a config says of its data."""

import numpy as np
import pytest
from mmengine.config import Config

from deeprank_mm.datasets import LAYOUTS, get_layout
from deeprank_mm.visualization.bodies import (
    as_recorded,
    find_layout,
    skeleton_of,
    steps_of,
)
from tests import toy

NAMED = ['nturgb+d', 'openpose', 'coco', *LAYOUTS]


@pytest.mark.parametrize('name', NAMED)
def test_left_mirrors_right(name):
    """A joint on the wrong side would unbalance the bones of the two."""
    body = skeleton_of(name)
    kinds = {side: [] for side in ('left', 'right', 'centre')}
    degree = np.zeros(body.num_joints, int)
    for bone in body.bones:
        degree[list(bone)] += 1
        sides = {body.sides[joint] for joint in bone}
        assert sides != {'left', 'right'}
        for side in sides:
            kinds[side].append(bone)
    assert len(kinds['left']) == len(kinds['right']) > 3
    ends = {
        side: sorted(
            degree[j] for j in range(len(degree)) if body.sides[j] == side
        )
        for side in ('left', 'right')
    }
    assert ends['left'] == ends['right']
    assert body.sides[body.head] == 'centre'


def test_joints_that_are_known_by_name():
    assert skeleton_of('nturgb+d').sides[7] == 'left'  # hand
    assert skeleton_of('openpose').sides[4] == 'right'  # wrist
    assert skeleton_of('coco').sides[9] == 'left'  # wrist
    assert skeleton_of('kinect20').sides[15] == 'left'  # foot
    assert skeleton_of('utd_mhad').head == 0


def test_a_dict_with_known_edges_has_sides():
    assert skeleton_of(get_layout('kinect20')) == skeleton_of('kinect20')


def test_a_dict_of_its_own():
    body = skeleton_of(toy.LAYOUT)
    assert (body.num_joints, body.bones) == (5, toy.LAYOUT['inward'])
    assert set(body.sides) == {'centre'}
    body = skeleton_of(dict(toy.LAYOUT, left=[3], right=[4]))
    assert body.sides == ['centre'] * 3 + ['left', 'right']


@pytest.mark.parametrize(
    'layout, message',
    [
        ('smpl', "'smpl' is unknown"),
        (dict(num_node=3), 'inward'),
        (dict(num_node=3, inward=[(3, 0)], center=0), r'\(3, 0\)'),
    ],
)
def test_bad_layout(layout, message):
    with pytest.raises(ValueError, match=message):
        skeleton_of(layout)


@pytest.mark.parametrize(
    'cfg, expected',
    [
        (
            Config(dict(a=[dict(type='GenerateModalities', layout='coco')])),
            'coco',
        ),
        ([dict(type='mmaction.GenSkeFeat', dataset='openpose')], 'openpose'),
        ([dict(type='GenSkeFeat', feats=['j'])], 'nturgb+d'),
        (dict(encoder=dict(graph_cfg=dict(layout=toy.LAYOUT))), toy.LAYOUT),
    ],
)
def test_find_layout(cfg, expected):
    assert find_layout(cfg) == expected


def test_no_layout():
    with pytest.raises(ValueError, match='names no joint layout'):
        find_layout(dict(train_dataloader=dict(batch_size=4)))


def test_pipeline_inside_of_wrappers():
    inner = dict(type='SkeletonDataset', pipeline=[dict(type='A')])
    assert steps_of(dict(type='RepeatDataset', dataset=inner)) == [
        dict(type='A')
    ]
    with pytest.raises(ValueError, match='ConcatDataset'):
        steps_of(dict(type='ConcatDataset', datasets=[inner]))


def test_recorded_is_before_augmentation_and_after_mapping(tmp_path):
    path = toy.annotation_file(tmp_path / 'toy.pkl')
    names = list('abcde')
    mapping = dict(type='MapJoints', source=names, target=names[::-1])
    pipeline = [mapping, *toy.pipeline(crop=(0.5, 1.0))]
    dataset = toy.build_dataset(path, split='test')
    seen = as_recorded(dataset, pipeline)
    raw = {a['frame_dir']: a['keypoint'] for a in toy.annotations()}
    assert len(seen) == 5
    for sample in seen:
        np.testing.assert_array_equal(
            sample['keypoint'], raw[sample['frame_dir']][:, :, ::-1]
        )
