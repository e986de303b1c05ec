import math
from itertools import permutations

import pytest
import torch

from deeprank_mm.evaluation.label_precision import (
    majority_precision,
    ranking_precision,
)
from deeprank_mm.ranking import pairwise_distance, view_distance


def literal(distances, labels):
    """Shares over every ordered triplet, eq. 2 to the letter."""
    hits = total = wins = informative = 0
    for a, c1, c2 in permutations(range(len(labels)), 3):
        closer = c1 if distances[a, c1] < distances[a, c2] else c2
        same = labels[closer] == labels[a]
        total += 1
        hits += same
        if (labels[c1] == labels[a]) != (labels[c2] == labels[a]):
            informative += 1
            wins += same
    return hits / total, wins / informative, total, informative


@pytest.mark.parametrize('view', ['self', 'other', 'all'])
@pytest.mark.parametrize('ties', [False, True])
def test_equals_the_count_over_every_triplet(view, ties):
    torch.manual_seed(3)
    features = {name: torch.randn(13, 4) for name in ('joint', 'bone')}
    if ties:  # the same distance from everybody
        features = {k: v[torch.arange(13) % 6] for k, v in features.items()}
    labels = torch.tensor([0, 1, 2, 0, 1, 0, 1, 1, 2, 0, 2, 2, 5])
    distances = view_distance(
        {k: pairwise_distance(v) for k, v in features.items()}, 'joint', view
    )
    raw, wins, total, informative = literal(distances, labels)
    result = ranking_precision(features, labels, view=view)
    assert result.raw == pytest.approx(raw)
    assert result.informative == pytest.approx(wins)
    # a triplet and its counterpart are counted once
    assert result.triplets == total / 2
    assert result.informative_triplets == informative / 2


def test_chance_is_the_share_of_the_class():
    result = ranking_precision(
        dict(joint=torch.randn(300, 3)), torch.arange(300) % 3
    )
    assert result.raw_chance == pytest.approx(99 / 299)
    assert result.raw == pytest.approx(result.raw_chance, abs=0.02)
    assert result.informative == pytest.approx(0.5, abs=0.02)


def test_perfect_features():
    labels = torch.arange(20) % 2
    features = torch.nn.functional.one_hot(labels).float()
    features += 0.01 * torch.randn(20, 2)
    result = ranking_precision(dict(joint=features), labels)
    assert result.informative == 1


def test_some_anchors_estimate_all():
    features = dict(joint=torch.randn(200, 4))
    labels = (features['joint'][:, 0] > 0).long()
    every, some = (
        ranking_precision(features, labels, max_anchors=most)
        for most in (None, 80)
    )
    assert some.triplets == 80 * 199 * 198 // 2
    assert some.informative == pytest.approx(every.informative, abs=0.03)


def test_without_an_informative_triplet():
    result = ranking_precision(dict(joint=torch.randn(4, 2)), torch.arange(4))
    assert (result.raw, result.raw_chance) == (0, 0)
    assert math.isnan(result.informative)
    with pytest.raises(ValueError, match='3 samples, got 2'):
        ranking_precision(dict(joint=torch.randn(2, 2)), torch.arange(2))


def test_majority_of_a_cluster():
    clusters = torch.tensor([4, 4, 4, 9, 9, 9, 9, 0])
    labels = torch.tensor([1, 1, 7, 7, 7, 1, 1, 3])
    assert majority_precision(clusters, labels) == (2 + 2 + 1) / 8
    assert majority_precision(torch.arange(8), labels) == 1
