import pytest
import torch

from deeprank_mm.ranking import (
    NORMALIZATIONS,
    candidate_distance,
    cross_distance,
    normalize_features,
    pairwise_distance,
)
from tests.literal import distance


@pytest.mark.parametrize('mode', NORMALIZATIONS)
def test_agrees_with_the_formula(mode):
    features = torch.randn(7, 5, dtype=torch.float64)
    table = pairwise_distance(features, mode)
    for a in range(7):
        for c in range(7):
            if a != c:
                expected = distance(features[a], features[c], mode)
                assert table[a, c] == pytest.approx(float(expected))


@pytest.mark.parametrize('mode', NORMALIZATIONS)
def test_equal_features_are_exact_ties(mode):
    features = torch.randn(40, 33)
    features[7] = features[3]
    table = pairwise_distance(features, mode)
    assert table[3, 7] == 0
    assert torch.equal(table[:, 3], table[:, 7])
    assert torch.equal(table, table.T)
    assert (table.diagonal() == 0).all()


@pytest.mark.parametrize('mode', ['minmax', 'l1', 'l2'])
def test_vectors_without_extent_become_zero_and_not_nan(mode):
    features = torch.zeros(3, 4)
    assert torch.equal(normalize_features(features, mode), features)


def test_float32_under_autocast():
    features = torch.randn(6, 8)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        table = pairwise_distance(features.bfloat16())
    assert table.dtype == torch.float32


def test_unknown_normalization():
    with pytest.raises(ValueError, match="'l3'.*none, minmax, l1, l2"):
        normalize_features(torch.zeros(2, 2), 'l3')


@pytest.mark.parametrize('mode', NORMALIZATIONS)
def test_candidates_of_an_anchor_have_the_tables_distances(mode):
    features = torch.randn(40, 33)
    table = pairwise_distance(features, mode)
    anchors, candidates = torch.randint(40, (90,)), torch.randint(40, (90, 2))
    drawn = candidate_distance(features[anchors], features[candidates], mode)
    assert torch.equal(drawn, table[anchors[:, None], candidates])


@pytest.mark.parametrize('mode', NORMALIZATIONS)
def test_some_anchors_have_the_tables_distances(mode):
    features = torch.randn(40, 33)
    some = cross_distance(features[5:17], features, mode)
    assert torch.equal(some, pairwise_distance(features, mode)[5:17])
