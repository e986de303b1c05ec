from itertools import permutations

import pytest
import torch
from scipy.stats import binomtest

from deeprank_mm.ranking import (
    batch_disagreement,
    pairwise_distance,
    sampled_disagreement,
    valid_pairs,
)
from deeprank_mm.ranking.disagreement import wilson

ALL = ('joint', 'bone', 'motion')
HEADS = [(name, view) for name in ALL for view in ('other', 'all')]


def features(size, seed=0):
    """Half of the samples agree in all modalities, half in none."""
    torch.manual_seed(seed)
    shared = torch.randn(size, 5)
    own = {name: torch.randn(size, 5) for name in ALL}
    first_half = (torch.arange(size) < size // 2)[:, None]
    return {name: torch.where(first_half, shared, own[name]) for name in ALL}


def exact(table, rows=None):
    """Both shares of joint, a triplet at a time."""
    unit = {n: v / v.norm(dim=1, keepdim=True) for n, v in table.items()}
    count = dict(other=0, all=0)
    total = 0
    for a, c1, c2 in permutations(range(len(table['joint'])), 3):
        if rows is not None and len({int(rows[i]) for i in (a, c1, c2)}) < 3:
            continue
        total += 1

        def distance(c, names, a=a):
            return sum(float((unit[n][a] - unit[n][c]).norm()) for n in names)

        def label(names, c1=c1, c2=c2, distance=distance):
            return distance(c1, names) < distance(c2, names)

        own = label(['joint'])
        count['other'] += label(['bone', 'motion']) != own
        count['all'] += label(ALL) != own
    return {view: n / total for view, n in count.items()}, total


def test_a_batch_is_counted_triplet_by_triplet():
    table = features(9)
    rows = torch.tensor([0, 1, 2, 3, 3, 4, 5, 6, 7])
    table = {name: value[rows] for name, value in table.items()}
    wanted, total = exact(table, rows)
    distances = {n: pairwise_distance(v) for n, v in table.items()}
    for view, share in wanted.items():
        got = batch_disagreement(distances, 'joint', view, valid_pairs(rows))
        assert got.share == got.low == got.high == pytest.approx(share)
        assert got.triplets == total


def test_a_small_data_set_is_counted_in_full():
    table = features(9)
    wanted, total = exact(table)
    got = sampled_disagreement(table, HEADS)
    assert list(got) == HEADS
    for view, share in wanted.items():
        assert got['joint', view].share == pytest.approx(share)
        assert got['joint', view].low == got['joint', view].high
        assert got['joint', view].triplets == total


def test_the_interval_covers_the_true_share_as_often_as_it_says():
    table, heads = features(20), [('joint', 'other'), ('bone', 'all')]
    distances = {n: pairwise_distance(v) for n, v in table.items()}
    seeds = 200
    drawn = [
        sampled_disagreement(table, heads, triplets=100, seed=seed)
        for seed in range(seeds)
    ]
    for head in heads:
        truth = batch_disagreement(distances, *head).share
        covered = sum(d[head].low <= truth <= d[head].high for d in drawn)
        # within four standard errors of 200 trials
        assert 0.89 <= covered / seeds <= 1
        mean = sum(d[head].share for d in drawn) / seeds
        assert mean == pytest.approx(truth, abs=4 * (0.25 / 20_000) ** 0.5)


def test_chunks_are_one_draw():
    table = features(40)
    got = sampled_disagreement(table, HEADS, triplets=20_000)
    distances = {n: pairwise_distance(v) for n, v in table.items()}
    for head, value in got.items():
        truth = batch_disagreement(distances, *head).share
        assert value.share == pytest.approx(truth, abs=0.014)


def test_the_seed_draws_and_no_other_generator_moves():
    table = features(60)
    state = torch.get_rng_state()
    one, two, other = (
        sampled_disagreement(table, HEADS, triplets=500, seed=seed)
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert one == two != other


def test_equal_modalities_never_disagree():
    alike = dict.fromkeys(ALL, torch.randn(60, 4))
    for value in sampled_disagreement(alike, HEADS, triplets=500).values():
        assert value.share == value.low == 0 < value.high < 0.01


def test_too_few_samples_have_no_share():
    value = sampled_disagreement(
        {'joint': torch.randn(2, 4), 'bone': torch.randn(2, 4)},
        [('joint', 'all')],
    )['joint', 'all']
    assert value.triplets == 0
    assert value.share != value.share


@pytest.mark.parametrize('hits, total', [(0, 50), (3, 50), (50, 50), (7, 9)])
def test_wilsons_interval(hits, total):
    wanted = binomtest(hits, total).proportion_ci(method='wilson')
    assert wilson(hits, total) == pytest.approx(tuple(wanted), abs=1e-6)


def test_what_makes_no_sense():
    table = features(5)
    with pytest.raises(ValueError, match='at least 1 triplet, got 0'):
        sampled_disagreement(table, HEADS, triplets=0)
    with pytest.raises(ValueError, match='needs a second modality'):
        sampled_disagreement({'joint': table['joint']}, [('joint', 'other')])
    with pytest.raises(ValueError, match="Unknown view 'own'"):
        sampled_disagreement(table, [('joint', 'own')])
