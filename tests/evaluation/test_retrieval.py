"""Retrieval against one pair at a time, in plain Python."""

import math
import random

import pytest
import torch

from deeprank_mm.evaluation.retrieval import precision_at_k, retrieve
from deeprank_mm.structures import FeatureBank


def bank(count=30, classes=4, seed=0, prefix='s', modalities=('joint',)):
    generator = torch.Generator().manual_seed(seed)
    features = {
        name: torch.randn(count, 6, generator=generator) for name in modalities
    }
    labels = torch.randint(classes, (count,), generator=generator).tolist()
    return FeatureBank(
        [f'{prefix}{i:03d}' for i in range(count)], features, labels
    )


def slow_ranking(search, queries, query):
    """(id, cosine, label) of all others, the most similar first."""
    wanted = queries.features['joint'][queries.ids.index(query)].tolist()
    found = []
    for i, name in enumerate(search.ids):
        if name == query:
            continue
        other = search.features['joint'][i].tolist()
        dot = sum(a * b for a, b in zip(wanted, other))
        norms = math.hypot(*wanted) * math.hypot(*other)
        found.append((name, dot / norms, int(search.labels[i])))
    return sorted(found, key=lambda row: -row[1])


def slow_precision(search, queries, k):
    """Share of each query's first k that have its class, by query."""
    shares = []
    for i, query in enumerate(queries.ids):
        first = slow_ranking(search, queries, query)[:k]
        hits = [label == int(queries.labels[i]) for _, _, label in first]
        shares.append(sum(hits) / k)
    return shares


@pytest.mark.parametrize('same', [True, False])
def test_nearest_first_and_never_itself(same):
    search = bank()
    queries = search if same else bank(8, seed=1, prefix='q')
    for query in queries.ids[:5]:
        found = retrieve(search, query, 7, queries=queries)
        expected = slow_ranking(search, queries, query)[:7]
        assert found.ids == [row[0] for row in expected]
        assert found.labels.tolist() == [row[2] for row in expected]
        torch.testing.assert_close(
            found.similarities.double(),
            torch.tensor([row[1] for row in expected]).double(),
            atol=1e-6,
            rtol=0,
        )


def test_a_query_of_both_banks_does_not_find_itself():
    search = bank()
    queries = FeatureBank(
        search.ids[3:6],
        {'joint': search.features['joint'][3:6]},
        search.labels[3:6].tolist(),
    )
    found = retrieve(search, 's004', 29, queries=queries)
    assert sorted(found.ids) == [i for i in search.ids if i != 's004']


def test_a_copy_is_found_and_the_query_is_not():
    features = bank().features['joint'].clone()
    features[9] = features[4] * 3  # the cosine knows no length
    found = retrieve(FeatureBank(bank().ids, {'joint': features}), 's004', 1)
    assert found.ids == ['s009'] and found.labels is None
    assert float(found.similarities) == pytest.approx(1, abs=1e-6)
    assert float(found.similarities) <= 1


def test_all_there_are():
    assert len(retrieve(bank(4), 's000', 10).ids) == 3


def test_chosen_modality():
    both = bank(modalities=('joint', 'bone'))
    only = FeatureBank(both.ids, {'bone': both.features['bone']})
    assert retrieve(both, 's001', modality='bone').ids == (
        retrieve(only, 's001').ids
    )


@pytest.mark.parametrize(
    'error, message, call',
    [
        (KeyError, 'no row', lambda: retrieve(bank(), 'x')),
        (ValueError, 'k >= 1', lambda: retrieve(bank(), 's000', 0)),
        (ValueError, 'larger set', lambda: retrieve(bank(1), 's000')),
        (
            ValueError,
            "no modality 'bone'",
            lambda: retrieve(bank(), 's000', modality='bone'),
        ),
        (
            ValueError,
            'name one',
            lambda: retrieve(bank(modalities=('joint', 'bone')), 's000'),
        ),
        (
            ValueError,
            'needs labels',
            lambda: precision_at_k(FeatureBank(['a', 'b'], bank(2).features)),
        ),
        (ValueError, r'1\.\.4', lambda: precision_at_k(bank(5), 5)),
        (ValueError, r'1\.\.4', lambda: precision_at_k(bank(5), 0)),
    ],
)
def test_refuses(error, message, call):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize('k', [1, 5, 29])
@pytest.mark.parametrize('same', [True, False])
def test_precision(k, same, monkeypatch):
    monkeypatch.setattr('deeprank_mm.evaluation.retrieval._BLOCK', 7)
    search = bank()
    queries = search if same else bank(11, classes=5, seed=1, prefix='q')
    shares = slow_precision(search, queries, k)
    found = precision_at_k(search, k, queries=None if same else queries)
    assert found.k == k
    assert found.mean == pytest.approx(sum(shares) / len(shares))
    labels = queries.labels.tolist()
    assert found.by_label.keys() == set(labels)
    for label, value in found.by_label.items():
        mine = [s for s, other in zip(shares, labels) if other == label]
        assert value == pytest.approx(sum(mine) / len(mine))


@pytest.mark.parametrize('same', [True, False])
def test_chance_is_what_random_neighbours_give(same):
    search = bank(12)
    queries = search if same else bank(9, seed=1, prefix='q')
    rng = random.Random(0)
    hits = total = 0
    for _ in range(2000):
        for query, label in zip(queries.ids, queries.labels.tolist()):
            others = [i for i, n in enumerate(search.ids) if n != query]
            hits += int(search.labels[rng.choice(others)]) == label
            total += 1
    chance = precision_at_k(search, 3, queries=queries).chance
    assert chance == pytest.approx(hits / total, abs=0.015)


def test_separate_classes_are_found():
    labels = [i % 3 for i in range(12)]
    features = torch.eye(3)[labels] + 0.01 * torch.rand(12, 3)
    found = precision_at_k(
        FeatureBank([f'{i:02}' for i in range(12)], {'f': features}, labels), 3
    )
    assert found.mean == 1 and found.by_label == {0: 1, 1: 1, 2: 1}
    assert found.chance == pytest.approx(3 / 11)
