import pytest
import torch

from deeprank_mm.models.rankers import neighbourhood
from deeprank_mm.models.rankers.neighbourhood import neighbour_radii
from deeprank_mm.structures import FeatureBank
from tests.literal import distance

ALL = ('joint', 'bone', 'motion')
HEADS = [('joint', 'self'), ('joint', 'other'), ('bone', 'all')]


def bank(size, width=5):
    return FeatureBank(
        [f's{i:03}' for i in range(size)],
        {name: torch.randn(size, width) for name in ALL},
    )


def literal_table(features, modality, view, mode='l2'):
    """All distances of a view, one by one, infinite to oneself."""
    names = {
        'self': [modality],
        'other': [name for name in features if name != modality],
        'all': list(features),
    }[view]
    size = len(features[modality])
    table = torch.full((size, size), float('inf'))
    for a in range(size):
        for c in set(range(size)) - {a}:
            table[a, c] = sum(
                distance(features[n][a], features[n][c], mode) for n in names
            )
    return table


@pytest.mark.parametrize('mode', ['none', 'l2'])
@pytest.mark.parametrize(
    'share, count', [(0.01, 1), (0.3, 3), (0.9, 8), (1.0, 8)]
)
def test_radii_are_those_of_sorted_distances(mode, share, count, monkeypatch):
    # the last block of anchors is a shorter one
    monkeypatch.setattr(neighbourhood, '_BLOCK_ELEMENTS', 4 * 9)
    labels = bank(9)
    radii = neighbour_radii(labels, HEADS, share, mode)
    assert list(radii) == HEADS
    for head, radius in radii.items():
        table = literal_table(labels.features, *head, mode)
        torch.testing.assert_close(radius, table.sort(1).values[:, count - 1])


def test_a_copy_is_the_nearest_other_sample():
    labels = bank(6)
    for value in labels.features.values():
        value[4] = value[1]
    for radius in neighbour_radii(labels, HEADS, 0.01).values():
        assert (radius == 0).tolist() == [i in (1, 4) for i in range(6)]


def test_a_large_bank_is_told_by_a_part_of_it(monkeypatch):
    labels = bank(120)
    exact = neighbour_radii(labels, HEADS[:1], 0.2)
    monkeypatch.setattr(neighbourhood, '_MAX_OTHERS', 60)
    (radius,) = neighbour_radii(labels, HEADS[:1], 0.2).values()
    assert not radius.equal(exact[HEADS[0]])
    # about the share of all is within it
    table = literal_table(labels.features, *HEADS[0])
    share = (table <= radius[:, None]).float().mean(1)
    assert share.mean() == pytest.approx(0.2, abs=0.03)
    assert share.min() > 0.05 and share.max() < 0.4
