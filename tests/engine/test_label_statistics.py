import math
from types import SimpleNamespace

import pytest
import torch

from deeprank_mm.engine.label_statistics import (
    effective_rank,
    feature_spread,
    fixed_blocks,
    label_changes,
    view_disagreement,
    without_disagreement,
)
from deeprank_mm.ranking import (
    Disagreement,
    compare_labels,
    pairwise_distance,
)
from deeprank_mm.structures import FeatureBank

SELF = ('joint', 'self')


def bank(size, seed, modalities=('joint',)):
    torch.manual_seed(seed)
    return FeatureBank(
        [f'{i:04d}' for i in range(size)],
        {name: torch.randn(size, 6) for name in modalities},
    )


def test_flip_rate_of_a_small_bank_is_exact():
    one, two = bank(20, 0), bank(20, 1)
    total, differ, _ = compare_labels(
        *(pairwise_distance(b.features['joint']) for b in (one, two))
    )
    flips, ties = label_changes(one, two, [SELF], 'l2')[SELF]
    assert flips == pytest.approx(differ / total)
    assert ties == 0
    assert label_changes(one, one, [SELF], 'l2')[SELF][0] == 0


def test_every_head_has_rates_of_its_own():
    one, two = (bank(30, seed, ('joint', 'bone')) for seed in (0, 1))
    # only bone changes: so do the labels of bone, not those of joint
    two.features['joint'] = one.features['joint']
    bone = ('bone', 'self')
    rates = label_changes(
        one, two, [SELF, bone, ('joint', 'other'), ('joint', 'all')], 'l2'
    )
    assert rates[SELF] == (0, 0)
    assert rates['joint', 'other'] == rates[bone]
    assert 0 < rates['joint', 'all'][0] < rates[bone][0]
    assert rates[bone] == label_changes(one, two, [bone], 'l2')[bone]


def test_unrelated_labels_flip_half_of_the_time():
    flips, _ = label_changes(bank(500, 0), bank(500, 1), [SELF], 'l2')[SELF]
    assert flips == pytest.approx(0.5, abs=0.03)


def test_constant_features_are_all_ties():
    constant = FeatureBank(
        [str(i) for i in range(10)], dict(joint=torch.ones(10, 4))
    )
    assert label_changes(constant, constant, [SELF], 'l2')[SELF][1] == 1


def ranker(features, views, modalities=None):
    size = len(next(iter(features.values())))
    return SimpleNamespace(
        train_bank=FeatureBank([f'{i:04d}' for i in range(size)], features),
        train_modalities=modalities or list(features),
        views=views,
        normalization='l2',
    )


def test_disagreement_of_what_is_trained():
    features = bank(30, 0, ('joint', 'bone', 'motion')).features
    views = ('self', 'other', 'all')
    shares = view_disagreement(ranker(features, views, ['bone']))
    assert list(shares) == [('bone', 'other'), ('bone', 'all')]
    # two unrelated modalities say nothing of a third
    assert shares['bone', 'other'].share == pytest.approx(0.5, abs=0.1)
    assert 0 < shares['bone', 'all'].share < shares['bone', 'other'].share
    assert view_disagreement(ranker(features, ('self',))) == {}


def test_modalities_whose_views_are_alike():
    never, ever = Disagreement(0, 0, 0.1, 9), Disagreement(0.2, 0, 0.3, 9)
    unknown = Disagreement(*3 * [float('nan')], 0)
    shares = {
        ('joint', 'other'): never,
        ('joint', 'all'): never,
        ('bone', 'other'): ever,
        ('bone', 'all'): never,
        ('motion', 'all'): unknown,
    }
    assert without_disagreement(shares) == ['joint']


def test_blocks_do_not_overlap():
    rows = torch.cat(list(fixed_blocks(300, 64, 16)))
    assert len(rows) == 256 == len(set(rows.tolist()))


def test_spread():
    assert feature_spread(torch.ones(5, 3)) == 0
    assert feature_spread(torch.cat([torch.eye(3), -torch.eye(3)])) == 1


def test_spread_of_a_large_bank_is_computed_in_pieces(monkeypatch):
    features = torch.randn(50, 7) + 1
    whole = feature_spread(features)
    monkeypatch.setattr('deeprank_mm.engine.label_statistics._WHOLE', 0)
    monkeypatch.setattr('deeprank_mm.engine.label_statistics._PIECE', 30)
    assert feature_spread(features) == pytest.approx(whole, rel=1e-6)
    assert feature_spread(features.half()) == pytest.approx(whole, rel=1e-3)


def test_effective_rank_counts_directions():
    cross = torch.cat([torch.eye(5), -torch.eye(5)])
    assert effective_rank(cross) == pytest.approx(5)
    assert effective_rank(cross[[0, 1, 5, 6]]) == pytest.approx(2)
    # length does not matter, nor where the directions are
    turn = torch.linalg.qr(torch.randn(5, 5)).Q
    length = torch.rand(10, 1) + 0.1
    turned = (cross @ turn + 0) * torch.cat([length[:5], length[:5]])
    assert effective_rank(turned) == pytest.approx(5, rel=1e-4)
    line = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert effective_rank(line) == pytest.approx(1)


def test_effective_rank_is_of_the_covariance_of_unit_vectors():
    torch.manual_seed(0)
    features = torch.randn(40, 6).relu() + 0.1
    unit = features.double() / features.double().norm(dim=1, keepdim=True)
    share = torch.linalg.svdvals(unit - unit.mean(0)) ** 2
    share = share / share.sum()
    wanted = torch.exp(-(share * share.log()).sum())
    assert effective_rank(features) == pytest.approx(wanted.item(), rel=1e-9)


def test_effective_rank_of_a_large_bank_is_computed_in_pieces(monkeypatch):
    features = torch.randn(1000, 8)
    whole = effective_rank(features)
    monkeypatch.setattr('deeprank_mm.engine.label_statistics._PIECE', 100)
    assert effective_rank(features) == pytest.approx(whole, rel=1e-9)


def test_effective_rank_of_wide_features_is_the_same(monkeypatch):
    """By the products of rows with rows, as there are fewer of them."""
    torch.manual_seed(0)
    features = torch.randn(50, 120).relu()
    whole = effective_rank(features)
    monkeypatch.setattr('deeprank_mm.engine.label_statistics._WIDEST', 60)
    assert effective_rank(features) == pytest.approx(whole, rel=1e-9)
    # and of some of the rows, where those are many
    features = features.repeat_interleave(3, 0)
    assert effective_rank(features) == pytest.approx(whole, rel=1e-9)
    assert torch.tensor(effective_rank(features[:1])).isnan()


@pytest.mark.parametrize('size', [4, 7, 51])
def test_effective_rank_of_one_direction_is_none(size):
    torch.manual_seed(size)
    features = (torch.rand(size, 1) + 0.1) * torch.randn(1, 9)
    assert math.isnan(effective_rank(features))
    assert math.isnan(effective_rank(features.half()))
    assert math.isnan(effective_rank(torch.ones(size, 3)))
