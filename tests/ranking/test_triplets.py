import pytest
import torch

from deeprank_mm.ranking import (
    compare_labels,
    own_clip_loss,
    pairwise_distance,
    triplet_ranking_loss,
    triplets,
    valid_pairs,
)
from tests.literal import all_triplets


def reference(scores, distances, bias=0.0, rows=None):
    """Loss, accuracy, count and ties, a triplet at a time."""
    a, c1, c2 = all_triplets(len(scores))
    if rows is not None:
        keep = (
            (rows[a] != rows[c1])
            & (rows[a] != rows[c2])
            & (rows[c1] != rows[c2])
        )
        a, c1, c2 = a[keep], c1[keep], c2[keep]
    logits = torch.stack(
        [scores[a, c1] - scores[a, c2] + bias, torch.zeros(len(a)).to(scores)],
        1,
    )
    label = torch.where(distances[a, c1] < distances[a, c2], 0, 1)
    loss = torch.nn.functional.cross_entropy(logits, label)
    predicted = torch.where(logits[:, 0] > 0, 0, 1)
    ties = (distances[a, c1] == distances[a, c2]).sum()
    return loss, (predicted == label).double().mean(), len(a), int(ties)


@pytest.fixture(params=[3, 4, 7, 16, 33, 64])
def tables(request):
    torch.manual_seed(request.param)
    size = request.param
    scores = torch.randn(size, size, dtype=torch.float64, requires_grad=True)
    distances = pairwise_distance(torch.randn(size, 6, dtype=torch.float64))
    return scores, distances


def test_value_and_gradient(tables):
    scores, distances = tables
    bias = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    loss, accuracy, count, ties = reference(scores, distances, bias)
    expected = torch.autograd.grad(loss, [scores, bias])
    result = triplet_ranking_loss(scores, distances, bias)
    actual = torch.autograd.grad(result.loss, [scores, bias])
    size = len(scores)
    assert result.triplets == count == size * (size - 1) * (size - 2)
    assert result.ties == ties == 0
    assert result.loss.item() == pytest.approx(loss.item(), rel=1e-12)
    assert result.accuracy.item() == pytest.approx(accuracy.item())
    for one, two in zip(actual, expected):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-14)


def test_float32_is_within_1e5_of_float64(tables):
    scores, distances = tables
    exact = triplet_ranking_loss(scores, distances)
    (wanted,) = torch.autograd.grad(exact.loss, scores)
    single = scores.detach().float().requires_grad_()
    result = triplet_ranking_loss(single, distances)
    result.loss.backward()
    assert result.loss.item() == pytest.approx(exact.loss.item(), rel=1e-5)
    error = (single.grad - wanted).abs().max() / wanted.abs().max()
    assert error < 1e-5


def test_repeated_samples_are_left_out_and_classes_balanced():
    torch.manual_seed(0)
    rows = torch.tensor([4, 9, 4, 1, 9, 7, 2])
    table = torch.randn(10, 5, dtype=torch.float64)
    distances = pairwise_distance(table[rows])
    scores = torch.randn(7, 7, dtype=torch.float64)
    loss, accuracy, count, _ = reference(scores, distances, rows=rows)
    result = triplet_ranking_loss(scores, distances, valid=valid_pairs(rows))
    assert result.triplets == count
    assert result.ties == 0
    assert result.loss.item() == pytest.approx(loss.item())
    # without ties the two classes are equally full: a constant prediction
    # is right half of the time
    constant = triplet_ranking_loss(
        torch.zeros(7, 7), distances, valid=valid_pairs(rows)
    )
    assert constant.accuracy == 0.5


def test_ties_go_to_the_second_class_in_both_orders():
    distances = torch.tensor(
        [[0.0, 1.0, 1.0], [1.0, 0.0, 2.0], [1.0, 2.0, 0.0]]
    )
    scores = torch.zeros(3, 3)
    result = triplet_ranking_loss(scores, distances, torch.tensor(-1.0))
    # anchor 0 ties twice; a negative bias predicts the second class always:
    # right for both ties and for one order of the other two anchors
    assert result.ties == 2
    assert result.accuracy == pytest.approx(4 / 6)
    loss, _, _, ties = reference(scores, distances, -1.0)
    assert ties == 2
    assert result.loss.item() == pytest.approx(loss.item())


@pytest.mark.parametrize('size', [1, 2])
def test_no_triplet_is_no_loss(size):
    scores = torch.randn(size, size, requires_grad=True)
    result = triplet_ranking_loss(scores, torch.rand(size, size))
    result.loss.backward()
    assert result.triplets == 0
    assert result.loss == 0
    assert (scores.grad == 0).all()
    assert result.accuracy.isnan()


def test_blocks_of_anchors_change_nothing(monkeypatch):
    scores = torch.randn(20, 20, dtype=torch.float64, requires_grad=True)
    distances = pairwise_distance(torch.randn(20, 4))
    whole = triplet_ranking_loss(scores, distances)
    (grad,) = torch.autograd.grad(whole.loss, scores)
    monkeypatch.setattr(triplets, '_BLOCK_ELEMENTS', 3 * 20 * 20)
    parts = triplet_ranking_loss(scores, distances)
    assert parts.loss.item() == pytest.approx(whole.loss.item(), rel=1e-14)
    assert parts.triplets == whole.triplets
    (other,) = torch.autograd.grad(parts.loss, scores)
    torch.testing.assert_close(other, grad)


def test_parts_of_the_anchors_add_up():
    """Weighted by their triplets, with samples that are there twice."""
    rows = torch.tensor([0, 1, 2, 3, 1, 4, 5, 6, 0, 7])
    scores = torch.randn(10, 10, dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    distances = pairwise_distance(torch.randn(10, 4)[rows])
    valid = valid_pairs(rows)
    whole = triplet_ranking_loss(scores, distances, bias, valid)
    expected = torch.autograd.grad(whole.loss, [scores, bias])
    loss = accuracy = triplets = ties = 0
    for part in (slice(0, 4), slice(4, 5), slice(5, 10)):
        result = triplet_ranking_loss(
            scores[part], distances[part], bias, valid, part
        )
        loss = loss + result.loss * result.triplets / whole.triplets
        accuracy += result.accuracy * result.triplets / whole.triplets
        triplets += result.triplets
        ties += result.ties
    assert (triplets, ties) == (whole.triplets, whole.ties)
    assert accuracy.item() == pytest.approx(whole.accuracy.item())
    assert loss.item() == pytest.approx(whole.loss.item(), rel=1e-12)
    for one, two in zip(torch.autograd.grad(loss, [scores, bias]), expected):
        torch.testing.assert_close(one, two)


def test_low_precision_scores_are_ranked_in_float32():
    scores = torch.randn(8, 8).bfloat16()
    result = triplet_ranking_loss(scores, torch.rand(8, 8))
    assert result.loss.dtype == torch.float32


def test_huge_scores_stay_finite():
    scores = (torch.randn(9, 9) * 1e4).requires_grad_()
    result = triplet_ranking_loss(scores, torch.rand(9, 9))
    result.loss.backward()
    assert result.loss.isfinite()
    assert scores.grad.isfinite().all()


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r'`distances` must have .* \(4, 4\)'):
        triplet_ranking_loss(torch.zeros(4, 4), torch.zeros(4, 3))


def test_compare_labels_counts_differing_triplets():
    one = pairwise_distance(torch.randn(12, 3, dtype=torch.float64))
    two = pairwise_distance(torch.randn(12, 3, dtype=torch.float64))
    a, c1, c2 = all_triplets(12)
    differ = (one[a, c1] < one[a, c2]) != (two[a, c1] < two[a, c2])
    assert compare_labels(one, two) == (1320, int(differ.sum()), 0)
    assert compare_labels(one, one) == (1320, 0, 0)
    assert compare_labels(torch.zeros(4, 4), one[:4, :4])[2] == 24


def own_clips(scores, rows, bias=0.0):
    """Both orders of (a clip of the anchor's sample, one of another)."""
    losses, right = [], []
    for a, own, other in all_triplets(len(rows)).T.tolist():
        if rows[a] != rows[own] or rows[a] == rows[other]:
            continue
        z = scores[a, own] - scores[a, other]
        for logit, label in ((z + bias, 0), (-z + bias, 1)):
            two = torch.stack([logit, torch.zeros_like(logit)])
            losses.append(
                torch.nn.functional.cross_entropy(two, torch.tensor(label))
            )
            right.append(float((logit > 0) == (label == 0)))
    return torch.stack(losses).mean(), sum(right) / len(right), len(losses)


@pytest.mark.parametrize(
    'rows', [[0, 0, 1, 1], [3, 1, 3, 2, 1, 3, 5], list(range(8)) * 2]
)
def test_own_clips_equal_every_triplet_on_its_own(rows):
    torch.manual_seed(len(rows))
    rows = torch.tensor(rows)
    scores = torch.randn(
        len(rows), len(rows), dtype=torch.float64, requires_grad=True
    )
    bias = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    loss, accuracy, count = own_clips(scores, rows, bias)
    result = own_clip_loss(scores, rows, bias)
    assert result.triplets == count
    assert result.ties == 0
    assert result.loss.item() == pytest.approx(loss.item(), rel=1e-12)
    assert result.accuracy.item() == pytest.approx(accuracy)
    for one, two in zip(
        torch.autograd.grad(result.loss, [scores, bias]),
        torch.autograd.grad(loss, [scores, bias]),
    ):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-14)


def test_own_clips_of_some_anchors_are_a_part_of_all():
    torch.manual_seed(0)
    rows = torch.tensor([0, 0, 1, 1, 2, 2, 2])
    scores = torch.randn(7, 7)
    parts = [
        own_clip_loss(scores[part], rows, anchors=part)
        for part in (slice(0, 3), slice(3, 7))
    ]
    whole = own_clip_loss(scores, rows)
    assert sum(part.triplets for part in parts) == whole.triplets
    mean = sum(part.loss * part.triplets for part in parts) / whole.triplets
    torch.testing.assert_close(mean, whole.loss)


def test_own_clips_that_tie_are_right_in_one_of_two_orders():
    rows = torch.arange(3).repeat(2)
    assert own_clip_loss(torch.zeros(6, 6), rows).accuracy == 0.5


def test_own_clips_of_another_number():
    with pytest.raises(ValueError, match=r'shape \(4, 4\) for 4 rows'):
        own_clip_loss(torch.zeros(6, 6), torch.arange(4))


def test_own_clips_of_single_clips_are_no_loss():
    scores = torch.randn(5, 5, requires_grad=True)
    result = own_clip_loss(scores, torch.arange(5))
    result.loss.backward()
    assert result.triplets == 0
    assert result.loss == 0
    assert result.accuracy.isnan()
    assert not scores.grad.any()


def test_own_clips_in_half_precision_are_compared_in_float32():
    torch.manual_seed(0)
    rows = torch.arange(4).repeat(2)
    scores = torch.randn(8, 8).bfloat16()
    result = own_clip_loss(scores, rows)
    assert result.loss.dtype == torch.float32
    assert result.loss == own_clip_loss(scores.float(), rows).loss
