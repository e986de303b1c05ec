import pytest
import torch

from deeprank_mm.models.rankers import neighbourhood
from deeprank_mm.models.rankers.neighbourhood import Neighbourhoods
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


def literal_neighbours(features, modality, view, count, mode):
    """Of each sample, by sorting its distances to all others one by one."""
    names = {
        'self': [modality],
        'other': [name for name in features if name != modality],
        'all': list(features),
    }[view]
    size = len(features[modality])

    def between(a, c):
        return sum(
            float(distance(features[n][a], features[n][c], mode))
            for n in names
        )

    return [
        set(
            sorted(
                (c for c in range(size) if c != a), key=lambda c: between(a, c)
            )[:count]
        )
        for a in range(size)
    ]


@pytest.mark.parametrize('mode', ['none', 'l2'])
@pytest.mark.parametrize(
    'share, count', [(0.01, 1), (0.3, 3), (0.9, 8), (1.0, 8)]
)
def test_neighbours_are_those_of_sorted_distances(
    mode, share, count, monkeypatch
):
    # the last block of anchors is a shorter one
    monkeypatch.setattr(neighbourhood, '_BLOCK_ELEMENTS', 4 * 9)
    labels = bank(9)
    found = Neighbourhoods(labels, HEADS, share, 20, mode)
    rows = torch.tensor([7, 2, 7, 0])
    for head in HEADS:
        wanted = literal_neighbours(labels.features, *head, count, mode)
        near = found.near(head, rows)
        assert near.shape == (4, 9)
        for row, one in zip(rows.tolist(), near):
            assert set(one.nonzero()[:, 0].tolist()) == {row, *wanted[row]}


def test_some_samples_stand_for_a_large_bank():
    """Although its ids repeat the same ten actions in the same order."""
    labels = bank(400)
    action = torch.arange(400) % 10
    labels.features['joint'][:] *= 0.01
    labels.features['joint'] += torch.eye(10)[action][:, :5]
    heads = [('joint', 'self')]
    found = Neighbourhoods(labels, heads, 0.05, 200, 'none')
    near = found.near(heads[0], torch.arange(400))
    assert near.shape == (400, 200)
    # ten, and oneself if one is among them: that is the diagonal of a bank
    # of these alone
    kept = near.sum(1) == 11
    assert kept.sum() == 200 and (near.sum(1)[~kept] == 10).all()
    places = action[kept.nonzero()[:, 0]]
    # each of the first five actions finds its own
    first = action < 5
    right = (places == action[first][:, None])[near[first]]
    assert right.float().mean() > 0.95
    # the same samples stand for the next cycle's bank
    again = Neighbourhoods(bank(400), heads, 0.05, 200, 'none')
    later = again.near(heads[0], torch.arange(400)).sum(1) == 11
    assert torch.equal(later, kept)


def test_of_a_mapped_bank_in_half_precision(tmp_path):
    heads = [('joint', 'self'), ('bone', 'all')]
    path, memory = write(tmp_path, dtype='float16')
    for value in memory.features.values():
        value[:] = value.half().float()
    rows = torch.arange(len(memory))
    one, two = (
        Neighbourhoods(labels, heads, 0.3, 20)
        for labels in (memory, load_bank(path))
    )
    for head in heads:
        assert torch.equal(one.near(head, rows), two.near(head, rows))


def test_a_bank_of_one_sample_has_itself():
    found = Neighbourhoods(bank(1), HEADS[:1], 0.3, 20)
    assert found.near(HEADS[0], torch.tensor([0])).tolist() == [[True]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_on_a_gpu_with_deterministic_algorithms():
    labels = bank(40)
    rows = torch.arange(40)
    torch.use_deterministic_algorithms(True)
    try:
        one = Neighbourhoods(labels, HEADS, 0.3, 20, device='cuda')
    finally:
        torch.use_deterministic_algorithms(False)
    two = Neighbourhoods(labels, HEADS, 0.3, 20)
    assert torch.equal(one.near(HEADS[1], rows), two.near(HEADS[1], rows))
