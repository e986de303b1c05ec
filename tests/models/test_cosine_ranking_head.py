from itertools import permutations

import pytest
import torch
from mmaction.registry import MODELS

from deeprank_mm.models import CosineRankingHead
from deeprank_mm.ranking import pairwise_distance, valid_pairs


def literal(features, distances, temperature, same=lambda *triplet: False):
    """Every triplet on its own: mean loss, accuracy and their number."""
    losses, right = [], []
    for a, one, two in permutations(range(len(features)), 3):
        if same(a, one, two) or distances[a, one] == distances[a, two]:
            continue
        near, far = (
            torch.cosine_similarity(features[a], features[c], dim=0)
            for c in (one, two)
        )
        logits = torch.stack([near, far]) / temperature
        label = int(distances[a, two] < distances[a, one])
        losses.append(
            torch.nn.functional.cross_entropy(logits, torch.tensor(label))
        )
        right.append(float(logits.argmax() == label))
    return torch.stack(losses).mean(), sum(right) / len(right), len(losses)


def make(size):
    torch.manual_seed(size)
    features = torch.randn(size, 6, dtype=torch.float64, requires_grad=True)
    distances = pairwise_distance(torch.randn(size, 5, dtype=torch.float64))
    return features, distances


@pytest.mark.parametrize('temperature', [0.1, 1.0])
@pytest.mark.parametrize('size', [3, 9])
def test_equals_every_triplet_on_its_own(size, temperature):
    features, distances = make(size)
    loss, accuracy, count = literal(features, distances, temperature)
    result = CosineRankingHead(temperature=temperature).loss(
        features, distances
    )
    assert result.triplets == count
    assert result.loss.item() == pytest.approx(loss.item(), rel=1e-10)
    assert result.accuracy.item() == pytest.approx(accuracy)
    expected, actual = (
        torch.autograd.grad(value, features)[0]
        for value in (loss, result.loss)
    )
    torch.testing.assert_close(actual, expected, rtol=1e-8, atol=1e-12)


def test_copies_of_a_sample_are_no_candidates_of_each_other():
    features, distances = make(6)
    rows = torch.tensor([0, 1, 2, 3, 4, 4])
    loss, _, count = literal(
        features,
        distances,
        0.1,
        lambda *triplet: len({int(rows[i]) for i in triplet}) < 3,
    )
    result = CosineRankingHead().loss(features, distances, valid_pairs(rows))
    assert result.triplets == count
    assert result.loss.item() == pytest.approx(loss.item(), rel=1e-10)


def test_some_anchors_are_their_rows_of_all():
    features, distances = make(8)
    head, some = CosineRankingHead(), slice(2, 5)
    scores, bias = head(features)
    part, _ = head(features, some)
    torch.testing.assert_close(part, scores[some])
    assert bias.item() == 0
    one = head.loss(features, distances[some], anchors=some)
    assert one.triplets == 3 * 7 * 6


def test_labels_of_its_own_features_are_all_right():
    """What it ranks by is what labels are made of."""
    features, _ = make(12)
    result = CosineRankingHead().loss(features, pairwise_distance(features))
    assert result.accuracy.item() == 1
    # and length does not matter
    longer = CosineRankingHead().loss(
        3 * features, pairwise_distance(features)
    )
    assert longer.loss.item() == pytest.approx(result.loss.item())


def test_half_precision_is_scored_in_float32():
    features, distances = make(8)
    features = features.detach().bfloat16()
    result = CosineRankingHead().loss(features, distances)
    same = CosineRankingHead().loss(features.float(), distances)
    assert result.loss.dtype == torch.float32
    assert result.loss.item() == same.loss.item()


def test_it_has_no_weights_and_comes_from_the_registry():
    head = MODELS.build(dict(type='CosineRankingHead', in_channels=4))
    head.init_weights()
    assert not list(head.parameters())
    with pytest.raises(ValueError, match='expects features'):
        head(torch.randn(5, 6))


@pytest.mark.parametrize('temperature', [0, -1])
def test_what_it_refuses(temperature):
    with pytest.raises(ValueError, match='positive temperature'):
        CosineRankingHead(temperature=temperature)
    with pytest.raises(ValueError, match='positive width'):
        CosineRankingHead(in_channels=0)
