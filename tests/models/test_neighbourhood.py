import pytest
import torch

from deeprank_mm.models.rankers import neighbourhood
from deeprank_mm.models.rankers.neighbourhood import neighbour_radii
from deeprank_mm.structures import FeatureBank, load_bank
from tests.literal import distance
from tests.structures.test_mapped_bank import write

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
    """Although its ids repeat the same ten actions in the same order."""
    labels = bank(400)
    action = torch.arange(400) % 10
    labels.features['joint'][:] = (
        torch.eye(10)[action][:, :5] + 0.01 * (labels.features['joint'])
    )
    monkeypatch.setattr(neighbourhood, '_MAX_OTHERS', 200)
    (radius,) = neighbour_radii(labels, HEADS[:1], 0.05, 'none').values()
    table = torch.cdist(labels.features['joint'], labels.features['joint'])
    share = (table <= radius[:, None]).float().mean(1)
    assert share.mean() == pytest.approx(0.05, abs=0.01)
    # nobody has all of another action for neighbours, or none of their own
    assert share.min() > 0.025 and share.max() < 0.1


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_on_a_gpu_with_deterministic_algorithms():
    labels = bank(40)
    expected = neighbour_radii(labels, HEADS, 0.1)
    torch.use_deterministic_algorithms(True)
    try:
        actual = neighbour_radii(labels, HEADS, 0.1, device='cuda')
    finally:
        torch.use_deterministic_algorithms(False)
    for head, radius in expected.items():
        torch.testing.assert_close(actual[head], radius)


def test_of_a_mapped_bank_in_half_precision(tmp_path):
    heads = [('joint', 'self'), ('bone', 'all')]
    path, memory = write(tmp_path, dtype='float16')
    for value in memory.features.values():
        value[:] = value.half().float()
    expected = neighbour_radii(memory, heads, 0.3)
    for head, radius in neighbour_radii(load_bank(path), heads, 0.3).items():
        assert radius.equal(expected[head])


def test_a_bank_of_one_sample_has_no_neighbours():
    (radius,) = neighbour_radii(bank(1), HEADS[:1], 0.1).values()
    assert radius.isinf().all()
