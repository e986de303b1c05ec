"""RandomRotation."""

import numpy as np
import pytest

from deeprank_mm.datasets.transforms import RandomRotation
from deeprank_mm.datasets.transforms.rotation import rotation_matrix


def _clip(dims=3):
    rng = np.random.default_rng(1)
    return rng.normal(size=(2, 6, 5, dims)).astype(np.float32)


def _rotate(keypoint, seed=0, **kwargs):
    np.random.seed(seed)
    return RandomRotation(**kwargs)(dict(keypoint=keypoint))['keypoint']


@pytest.mark.parametrize('dims', [2, 3])
def test_keeps_lengths_and_the_input(dims):
    keypoint = _clip(dims)
    before = keypoint.copy()
    out = _rotate(keypoint, theta=1.0)
    np.testing.assert_allclose(
        np.linalg.norm(out, axis=-1),
        np.linalg.norm(before, axis=-1),
        rtol=1e-5,
    )
    assert np.abs(out - before).max() > 0.1
    assert out.dtype == np.float32
    np.testing.assert_array_equal(keypoint, before)


def test_one_rotation_for_the_whole_clip():
    keypoint = np.broadcast_to(_clip()[:1, :1], (2, 6, 5, 3))
    out = _rotate(keypoint)
    np.testing.assert_allclose(
        out, np.broadcast_to(out[:1, :1], out.shape), atol=1e-6
    )


@pytest.mark.parametrize('dims', [2, 3])
def test_zero_is_identity(dims):
    keypoint = _clip(dims)
    np.testing.assert_array_equal(_rotate(keypoint, theta=0), keypoint)


def test_order_and_handedness():
    angles = np.array([0.2, -0.4, 0.9])
    about = [rotation_matrix(np.eye(3)[i] * angles) for i in range(3)]
    np.testing.assert_allclose(
        rotation_matrix(angles), about[2] @ about[1] @ about[0]
    )
    np.testing.assert_allclose(
        rotation_matrix([0, 0, np.pi / 2]) @ [1, 0, 0], [0, 1, 0], atol=1e-12
    )
    np.testing.assert_allclose(
        rotation_matrix([np.pi / 2, 0, 0]) @ [0, 1, 0], [0, 0, 1], atol=1e-12
    )


def test_follows_the_drawn_angles():
    keypoint = _clip()
    np.random.seed(4)
    angles = np.random.uniform(-1, 1, 3) * (0.1, 0.2, 0.3)
    out = _rotate(keypoint, seed=4, theta=(0.1, 0.2, 0.3))
    expected = keypoint @ rotation_matrix(angles).T
    np.testing.assert_allclose(out, expected, atol=1e-5)
    assert (np.abs(angles) <= (0.1, 0.2, 0.3)).all()


def test_axes_have_their_own_range():
    out = _rotate(_clip(), theta=(0, 3.0, 0))
    np.testing.assert_allclose(out[..., 1], _clip()[..., 1], atol=1e-6)
    assert np.abs(out[..., 0] - _clip()[..., 0]).max() > 0.1


def test_scores_are_never_touched():
    keypoint = _clip()
    out = _rotate(keypoint, theta=1.0, score_channel=True)
    np.testing.assert_array_equal(out[..., 2], keypoint[..., 2])
    assert np.abs(out[..., :2] - keypoint[..., :2]).max() > 0.01
    score = np.ones((2, 6, 5))
    np.random.seed(0)
    results = RandomRotation(1.0)(
        dict(keypoint=_clip(2), keypoint_score=score)
    )
    assert results['keypoint_score'] is score


def test_missing_joints_stay_zero():
    keypoint = _clip()
    keypoint[1] = 0
    assert not _rotate(keypoint)[1].any()


@pytest.mark.parametrize('theta', [-0.1, (0.1, 0.2), (0.1, 0.2, -0.3)])
def test_bad_theta(theta):
    with pytest.raises(ValueError, match='theta'):
        RandomRotation(theta)


def test_bad_channels():
    with pytest.raises(ValueError, match='2 or 3 coordinates'):
        RandomRotation()(dict(keypoint=np.zeros((1, 2, 3, 5))))
    assert repr(RandomRotation(0.3)) == (
        'RandomRotation(theta=(0.3, 0.3, 0.3), score_channel=False)'
    )
