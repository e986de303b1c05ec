"""MapJoints."""

import numpy as np
import pytest

from deeprank_mm.datasets.layouts import JOINT_NAMES
from deeprank_mm.datasets.transforms import GenerateModalities, MapJoints

KINECTS = ('utd_mhad', 'kinect20')


def _clip(joints=20):
    rng = np.random.default_rng(0)
    return dict(
        keypoint=rng.normal(size=(2, 5, joints, 3)).astype(np.float32),
        keypoint_score=rng.random((2, 5, joints), dtype=np.float32),
    )


@pytest.mark.parametrize('source, target', [KINECTS, KINECTS[::-1]])
def test_a_name_keeps_its_position(source, target):
    clip = _clip()
    before = {key: value.copy() for key, value in clip.items()}
    out = MapJoints(source, target)(dict(clip))
    for key in before:
        for i, name in enumerate(JOINT_NAMES[target]):
            np.testing.assert_array_equal(
                out[key][:, :, i],
                before[key][:, :, JOINT_NAMES[source].index(name)],
            )
        assert out[key].dtype == np.float32
        np.testing.assert_array_equal(clip[key], before[key])


def test_there_and_back_again():
    clip = _clip()
    there = MapJoints(*KINECTS)(dict(clip))
    assert not np.array_equal(there['keypoint'], clip['keypoint'])
    back = MapJoints(*KINECTS[::-1])(there)
    for key, value in clip.items():
        np.testing.assert_array_equal(back[key], value)


def test_bones_are_mapped_like_joints():
    bones = [
        GenerateModalities(layout, ['bone']) for layout in reversed(KINECTS)
    ]
    clip = _clip()
    clip.pop('keypoint_score')
    mapped_first = bones[0](MapJoints(*KINECTS)(dict(clip)))
    mapped_last = MapJoints(*KINECTS)(bones[1](dict(clip)))
    np.testing.assert_array_equal(
        mapped_first['keypoint'], mapped_last['keypoint']
    )


def test_layouts_of_the_users_own():
    clip = dict(keypoint=_clip(4)['keypoint'])
    before = clip['keypoint'].copy()
    out = MapJoints(['hip', 'neck', 'tail', 'head'], ['head', 'hip'])(clip)
    np.testing.assert_array_equal(out['keypoint'], before[:, :, [3, 0]])


@pytest.mark.parametrize(
    'source, target, match',
    [
        ('kinect21', 'kinect20', "'kinect21'.*'utd_mhad'"),
        ('kinect20', ['head', 'nose', 'tail'], 'lacks nose, tail of'),
        (['hip', 'hip'], ['hip'], 'once'),
        ([], ['hip'], 'once'),
    ],
)
def test_layouts_that_cannot_be_mapped(source, target, match):
    with pytest.raises(ValueError, match=match):
        MapJoints(source, target)


def test_another_number_of_joints():
    with pytest.raises(ValueError, match='have 25 joints.*source.* has 20'):
        MapJoints(*KINECTS)(_clip(25))
