import pytest
import torch

from deeprank_mm.ranking import neighbour_radii, neighbours
from tests.literal import distance

HEADS = [('joint', 'self'), ('joint', 'other'), ('bone', 'all')]


def literal_radius(features, modality, view, count, mode):
    """Of each sample, by sorting its distances to all others one by one."""
    names = {
        'self': [modality],
        'other': [name for name in features if name != modality],
        'all': list(features),
    }[view]
    size = len(features[modality])
    out = []
    for a in range(size):
        others = sorted(
            sum(
                float(distance(features[n][a], features[n][c], mode))
                for n in names
            )
            for c in range(size)
            if c != a
        )
        out.append(others[min(count, size - 1) - 1])
    return out


@pytest.mark.parametrize('mode', ['none', 'l2'])
@pytest.mark.parametrize('count', [1, 3, 8, 50])
def test_radii_are_those_of_sorted_distances(mode, count, monkeypatch):
    # the last block of anchors is a shorter one
    monkeypatch.setattr(neighbours, '_BLOCK_ELEMENTS', 4 * 9)
    features = {
        name: torch.randn(9, 5, dtype=torch.float64)
        for name in ('joint', 'bone', 'motion')
    }
    radii = neighbour_radii(features, HEADS, count, mode)
    assert list(radii) == HEADS
    for head, radius in radii.items():
        wanted = literal_radius(features, *head, count, mode)
        assert radius.tolist() == pytest.approx(wanted)


def test_a_copy_is_the_nearest_other_sample():
    features = torch.randn(6, 4)
    features[4] = features[1]
    (radius,) = neighbour_radii(
        dict(joint=features), [('joint', 'self')], 1
    ).values()
    assert (radius == 0).tolist() == [i in (1, 4) for i in range(6)]
