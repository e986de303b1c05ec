"""CentreSkeleton."""

import numpy as np
import pytest

from deeprank_mm.datasets.transforms import CentreSkeleton


def _clip(num_person=2, num_frames=5, dims=3):
    rng = np.random.default_rng(0)
    return rng.normal(3, 1, (num_person, num_frames, 4, dims)).astype(
        np.float32
    )


def test_first_persons_joint_starts_at_the_origin():
    keypoint = _clip()
    before = keypoint.copy()
    out = CentreSkeleton(joint=1)(dict(keypoint=keypoint))['keypoint']
    np.testing.assert_array_equal(out[0, 0, 1], 0)
    # One translation: all distances stay, between persons as well.
    np.testing.assert_allclose(out, before - before[0, 0, 1], atol=1e-6)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(keypoint, before)


def test_missing_joints_stay_zero():
    keypoint = _clip()
    keypoint[0, 2, 3] = 0
    keypoint[1, 1:] = 0
    out = CentreSkeleton(joint=0)(dict(keypoint=keypoint))['keypoint']
    assert not out[0, 2, 3].any()
    assert not out[1, 1:].any()
    assert out[1, 0].any()


def test_waits_for_the_joint_to_be_tracked():
    keypoint = _clip()
    keypoint[0, 0] = 0
    keypoint[0, 1, 2] = 0
    out = CentreSkeleton(joint=2)(dict(keypoint=keypoint))['keypoint']
    np.testing.assert_array_equal(out[0, 2, 2], 0)
    np.testing.assert_allclose(
        out[0, 3], keypoint[0, 3] - keypoint[0, 2, 2], atol=1e-6
    )


def test_asks_the_second_person_if_the_first_is_empty():
    keypoint = _clip()
    keypoint[0] = 0
    out = CentreSkeleton(joint=2)(dict(keypoint=keypoint))['keypoint']
    np.testing.assert_array_equal(out[1, 0, 2], 0)
    assert not out[0].any()


def test_all_zero_clip_is_unchanged():
    out = CentreSkeleton(joint=0)(dict(keypoint=np.zeros((1, 3, 4, 3))))
    assert not out['keypoint'].any()
    assert out['keypoint'].shape == (1, 3, 4, 3)


def test_scores_are_left_alone():
    keypoint = _clip(dims=3)
    keypoint[0, 1, 1, :2] = 0
    out = CentreSkeleton(joint=0, score_channel=True)(dict(keypoint=keypoint))[
        'keypoint'
    ]
    np.testing.assert_array_equal(out[..., 2], keypoint[..., 2])
    assert not out[0, 1, 1, :2].any()


@pytest.mark.parametrize(
    'keypoint, message',
    [
        (np.zeros((2, 0, 4, 3)), "'s7'.*no frames"),
        (np.zeros((5, 4, 3)), "'s7'.*shape"),
        (np.zeros((1, 5, 4, 4)), "'s7'.*2 or 3 coordinates"),
        (np.zeros((1, 5, 1, 3)), 'no joint 1'),
    ],
)
def test_bad_clips_are_clear_errors(keypoint, message):
    with pytest.raises(ValueError, match=message):
        CentreSkeleton(joint=1)(dict(keypoint=keypoint, frame_dir='s7'))


def test_bad_arguments_and_missing_key():
    with pytest.raises(ValueError, match='joint'):
        CentreSkeleton(joint=-1)
    with pytest.raises(KeyError, match='keypoint'):
        CentreSkeleton(joint=0)(dict(frame_dir='s7'))
    assert repr(CentreSkeleton(joint=20)) == (
        'CentreSkeleton(joint=20, score_channel=False)'
    )
