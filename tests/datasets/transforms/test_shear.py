import numpy as np
import pytest

from deeprank_mm.datasets.transforms import Shear


def clip(channels=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 4, 5, channels)).astype(np.float32)


def matrix_of(before, after):
    """The linear map between two clips, by least squares."""
    flat = before.reshape(-1, before.shape[-1]).astype(np.float64)
    return np.linalg.lstsq(flat, after.reshape(flat.shape), rcond=None)[0].T


@pytest.mark.parametrize('dims', [2, 3])
def test_one_shear_matrix_for_all_persons_and_frames(dims):
    before = clip(dims)
    result = Shear(0.5)(dict(keypoint=before.copy()))['keypoint']
    matrix = matrix_of(before, result)
    assert result.dtype == np.float32
    np.testing.assert_allclose(
        result, np.einsum('ij,mtvj->mtvi', matrix, before), atol=1e-5
    )
    np.testing.assert_allclose(np.diag(matrix), 1, atol=1e-5)
    slant = matrix[~np.eye(dims, dtype=bool)]
    assert (np.abs(slant) <= 0.5).all() and len(set(slant.round(6))) > 1


def test_slants_are_uniform():
    shear, before = Shear(0.4), clip()
    slants = np.array(
        [
            matrix_of(before, shear(dict(keypoint=before))['keypoint'])[
                ~np.eye(3, dtype=bool)
            ]
            for _ in range(300)
        ]
    )
    assert np.abs(slants).max() <= 0.4 + 1e-5
    np.testing.assert_allclose(slants.mean(0), 0, atol=0.06)
    np.testing.assert_allclose(slants.std(0), 0.4 / np.sqrt(3), atol=0.03)


def test_the_seed_decides_and_zero_changes_nothing():
    before = clip()
    results = []
    for _ in range(2):
        np.random.seed(3)
        results.append(Shear()(dict(keypoint=before))['keypoint'])
    assert np.array_equal(*results)
    same = Shear(0.0)(dict(keypoint=before))['keypoint']
    np.testing.assert_array_equal(same, before)


def test_a_score_and_missing_joints_stay():
    before = clip(4)
    before[0, 0, 0, :3] = 0
    after = Shear(score_channel=True)(dict(keypoint=before.copy()))['keypoint']
    np.testing.assert_array_equal(after[..., 3], before[..., 3])
    assert not after[0, 0, 0, :3].any()


def test_bad_settings():
    with pytest.raises(ValueError, match='amplitude must be 0 or more'):
        Shear(-0.1)
