import numpy as np
import pytest
import torch
from mmaction.registry import MODELS

from deeprank_mm.datasets.transforms.rotation import rotation_matrix


def measure(x, **kwargs):
    return MODELS.build(dict(type='JointDistances', **kwargs))(x)


def skeletons(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype)


def literal(x, segments):
    """Joint by joint, for a number of frames that segments divide."""
    rows = []
    for persons in x.numpy():
        row = []
        for part in np.split(persons, segments, axis=1):
            joints = part.mean(1).reshape(-1, persons.shape[-1])
            for u in range(len(joints)):
                for v in range(u + 1, len(joints)):
                    row.append(np.sqrt(((joints[u] - joints[v]) ** 2).sum()))
        rows.append(row)
    return torch.tensor(np.array(rows))


def test_distances_of_all_joints_in_each_part_of_a_clip():
    x = skeletons(3, 2, 12, 5, 3)
    torch.testing.assert_close(measure(x, segments=4), literal(x, 4))


@pytest.mark.parametrize('frames', [1, 3, 8, 29])
def test_clips_of_any_length_give_one_width(frames):
    assert measure(skeletons(2, 1, frames, 5, 3)).shape == (2, 8 * 10)


def test_sides_mirrors_and_places_do_not_matter():
    x = skeletons(2, 2, 16, 7, 3)
    turn = torch.tensor(rotation_matrix([0.4, 2.5, -1.1]))
    moved = x @ turn.T * torch.tensor([-1.0, 1.0, 1.0]) + 5
    torch.testing.assert_close(measure(moved), measure(x))


def test_poses_and_their_order_do():
    x = skeletons(1, 1, 16, 7, 3)
    assert not torch.allclose(measure(x.flip(2)), measure(x))
    other = x.clone()
    other[..., 3, :] += 1
    assert not torch.allclose(measure(other), measure(x))


def test_equal_joints_are_at_a_distance_of_zero():
    x = skeletons(1, 1, 8, 3, 3, dtype=torch.float32) + 1000
    x[..., 1, :] = x[..., 0, :]
    assert (measure(x).view(8, 3)[:, 0] == 0).all()


def test_scores_are_no_coordinates():
    x = skeletons(2, 1, 8, 5, 3)
    torch.testing.assert_close(measure(x, dims=2), measure(x[..., :2]))


def test_float32_at_least_also_under_autocast():
    x = skeletons(2, 1, 8, 5, 3, dtype=torch.float32)
    with torch.autocast('cpu', torch.bfloat16):
        found = measure(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, measure(x), rtol=0, atol=0)
    assert measure(x.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(
    'arguments, words',
    [
        (dict(segments=0), 'positive numbers, got segments=0'),
        (dict(dims=0), 'positive numbers.*dims=0'),
    ],
)
def test_arguments_that_make_no_sense(arguments, words):
    with pytest.raises(ValueError, match=words):
        measure(skeletons(1, 1, 8, 5, 3), **arguments)


def test_inputs_that_are_no_skeletons():
    with pytest.raises(ValueError, match=r'skeletons \(N, M, T, V, C\)'):
        measure(skeletons(2, 3, 32, 32))
    with pytest.raises(ValueError, match='two joints or more'):
        measure(skeletons(2, 1, 8, 1, 3))


def test_whoever_is_absent_has_no_place():
    """A person of zeros is not at the origin, but nowhere."""
    alone = skeletons(2, 1, 16, 5, 3)
    x = torch.cat([alone, torch.zeros_like(alone)], 1)
    moved = x.clone()
    moved[:, 0] += 7
    torch.testing.assert_close(measure(moved), measure(x))
    found = measure(x, segments=1)
    one, two = torch.triu_indices(10, 10, 1)
    within = (one < 5) & (two < 5)
    assert not found[:, ~within].any()
    torch.testing.assert_close(found[:, within], measure(alone, segments=1))


def test_somebody_who_leaves_is_absent_from_then_on():
    x = skeletons(1, 2, 16, 5, 3)
    x[:, 1, 8:] = 0
    found = measure(x, segments=4)[0].view(4, -1)
    # within the first person, within the second, and between them
    assert [int((part == 0).sum()) for part in found] == [0, 0, 35, 35]
    torch.testing.assert_close(
        found[:2], measure(x[:, :, :8], segments=2)[0].view(2, -1)
    )


def test_standing_still_is_no_absence_of_motion():
    """Of one person nothing is left out, whatever is zero."""
    x = skeletons(1, 1, 16, 5, 3)
    x[:, :, :6] = 0
    torch.testing.assert_close(measure(x, segments=4), literal(x, 4))
