"""TemporalCropResize."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from deeprank_mm.datasets.transforms import TemporalCropResize


def _clip(num_frames, dims=3):
    rng = np.random.default_rng(num_frames)
    return rng.normal(size=(2, num_frames, 5, dims)).astype(np.float32)


def _by_torch(keypoint, length):
    rows = torch.from_numpy(keypoint).movedim(1, -1)
    out = F.interpolate(
        rows.flatten(1, 2), size=length, mode='linear', align_corners=False
    )
    return out.view(*rows.shape[:-1], length).movedim(-1, 1).numpy()


@pytest.mark.parametrize('num_frames', [1, 2, 9, 64, 120, 300])
@pytest.mark.parametrize('length', [1, 64, 120])
def test_resizes_as_torch_does(num_frames, length):
    keypoint = _clip(num_frames)
    before = keypoint.copy()
    out = TemporalCropResize(length, crop=None)(
        dict(keypoint=keypoint, total_frames=num_frames)
    )
    np.testing.assert_allclose(
        out['keypoint'], _by_torch(keypoint, length), rtol=0, atol=5e-6
    )
    assert out['keypoint'].dtype == np.float32
    assert out['total_frames'] == length
    np.testing.assert_array_equal(keypoint, before)


def test_own_length_is_identity_and_a_fresh_array():
    keypoint = _clip(40)
    out = TemporalCropResize(40, crop=None)(dict(keypoint=keypoint))
    np.testing.assert_array_equal(out['keypoint'], keypoint)
    assert not np.shares_memory(out['keypoint'], keypoint)


@pytest.mark.parametrize(
    'p, num_frames',
    [(0.95, 83), (0.95, 9), (0.5, 100), (1.0, 30), (0.01, 1), (0.1, 7)],
)
def test_fixed_share_drops_both_ends_alike(p, num_frames):
    keypoint = _clip(num_frames)
    drop = int((1 - p) * num_frames / 2)
    out = TemporalCropResize(60, crop=p)(dict(keypoint=keypoint))
    kept = keypoint[:, drop : num_frames - drop]
    np.testing.assert_allclose(
        out['keypoint'], _by_torch(kept, 60), rtol=0, atol=5e-6
    )


def _stretches(num_frames, draws=400, **kwargs):
    """Length and first frame of random stretches, read off a time ramp."""
    ramp = np.arange(num_frames, dtype=np.float32)
    keypoint = np.broadcast_to(
        ramp[None, :, None, None], (1, num_frames, 1, 3)
    )
    np.random.seed(0)
    # Clamped ends: the first and last frames show themselves exactly.
    transform = TemporalCropResize(10 * num_frames, **kwargs)
    found = []
    for _ in range(draws):
        out = transform(dict(keypoint=keypoint))['keypoint'][0, :, 0, 0]
        found.append(
            (round(float(out[-1] - out[0])) + 1, round(float(out[0])))
        )
    return np.array(found).T


def test_random_stretches_fill_their_range():
    sizes, starts = _stretches(100, crop=(0.5, 1.0), min_frames=20)
    assert sizes.min() == 50
    assert 97 <= sizes.max() <= 100
    assert abs(sizes.mean() - 74.5) < 2.5
    assert starts.min() == 0
    assert (starts + sizes).max() == 100


def test_minimum_length():
    sizes, _ = _stretches(100, crop=(0.1, 0.2), min_frames=64)
    assert set(sizes) == {64}
    sizes, starts = _stretches(30, crop=(0.1, 1.0), min_frames=64)
    assert set(sizes) == {30}
    assert set(starts) == {0}


def test_one_frame():
    keypoint = _clip(1)
    out = TemporalCropResize(8)(dict(keypoint=keypoint))['keypoint']
    np.testing.assert_array_equal(out, np.repeat(keypoint, 8, axis=1))


def test_scores_follow_their_joints():
    keypoint = _clip(50)
    np.random.seed(3)
    out = TemporalCropResize(32, min_frames=10)(
        dict(keypoint=keypoint, keypoint_score=keypoint[..., 0])
    )
    np.testing.assert_array_equal(
        out['keypoint_score'], out['keypoint'][..., 0]
    )
    assert out['keypoint_score'].dtype == np.float32


def test_same_seed_same_stretch():
    results = []
    for _ in range(2):
        np.random.seed(5)
        results.append(TemporalCropResize()(dict(keypoint=_clip(90))))
    np.testing.assert_array_equal(*(out['keypoint'] for out in results))


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(length=0),
        dict(min_frames=0),
        dict(crop=0.0),
        dict(crop=1.2),
        dict(crop=(0.9, 0.5)),
        dict(crop=(0.5,)),
    ],
)
def test_bad_arguments(kwargs):
    with pytest.raises(ValueError, match='TemporalCropResize'):
        TemporalCropResize(**kwargs)


def test_bad_clips_are_clear_errors():
    transform = TemporalCropResize(8)
    with pytest.raises(ValueError, match='no frames'):
        transform(dict(keypoint=np.zeros((1, 0, 5, 3))))
    with pytest.raises(ValueError, match='keypoint_score'):
        transform(dict(keypoint=_clip(5), keypoint_score=np.zeros((2, 4, 5))))
    assert 'crop=(0.5, 1.0)' in repr(transform)
