import pytest
import torch

from deeprank_mm.engine.label_statistics import (
    feature_spread,
    fixed_blocks,
    label_changes,
)
from deeprank_mm.ranking import compare_labels, pairwise_distance
from deeprank_mm.structures import FeatureBank


def bank(size, seed):
    torch.manual_seed(seed)
    return FeatureBank(
        [f'{i:04d}' for i in range(size)], dict(joint=torch.randn(size, 6))
    )


def test_flip_rate_of_a_small_bank_is_exact():
    one, two = bank(20, 0), bank(20, 1)
    total, differ, _ = compare_labels(
        *(pairwise_distance(b.features['joint']) for b in (one, two))
    )
    flips, ties = label_changes(one, two, 'joint', 'self', 'l2')
    assert flips == pytest.approx(differ / total)
    assert ties == 0
    assert label_changes(one, one, 'joint', 'self', 'l2')[0] == 0


def test_unrelated_labels_flip_half_of_the_time():
    flips, _ = label_changes(bank(500, 0), bank(500, 1), 'joint', 'self', 'l2')
    assert flips == pytest.approx(0.5, abs=0.03)


def test_constant_features_are_all_ties():
    constant = FeatureBank(
        [str(i) for i in range(10)], dict(joint=torch.ones(10, 4))
    )
    assert label_changes(constant, constant, 'joint', 'self', 'l2')[1] == 1


def test_blocks_do_not_overlap():
    rows = torch.cat(list(fixed_blocks(300, 64, 16)))
    assert len(rows) == 256 == len(set(rows.tolist()))


def test_spread():
    assert feature_spread(torch.ones(5, 3)) == 0
    assert feature_spread(torch.cat([torch.eye(3), -torch.eye(3)])) == 1
