import pytest
import torch
from mmaction.registry import MODELS

from deeprank_mm.models import TripletRankingHead
from deeprank_mm.models.heads import triplet_ranking_head
from deeprank_mm.ranking import pairwise_distance, valid_pairs
from tests.literal import literal_loss


def make(act, size, width=10, hidden=8):
    torch.manual_seed(size)
    head = TripletRankingHead(width, hidden, act=act).double()
    features = torch.randn(
        size, width, dtype=torch.float64, requires_grad=True
    )
    distances = pairwise_distance(torch.randn(size, 5, dtype=torch.float64))
    return head, features, distances


def weights(head):
    return head.fc0.weight, head.fc0.bias, head.fc1.weight, head.fc1.bias


@pytest.mark.parametrize('act', [None, 'ReLU', 'Tanh'])
@pytest.mark.parametrize('size', [3, 5, 16, 64])
def test_equals_the_literal_head_on_every_triplet(act, size):
    head, features, distances = make(act, size)
    function = getattr(torch.nn, act)() if act else None
    loss, accuracy, count = literal_loss(
        features, distances, *weights(head), function
    )
    inputs = [features, *weights(head)]
    expected = torch.autograd.grad(loss, inputs)
    result = head.loss(features, distances)
    actual = torch.autograd.grad(result.loss, inputs)
    assert result.triplets == count
    assert result.loss.item() == pytest.approx(loss.item(), rel=1e-10)
    assert result.accuracy.item() == pytest.approx(accuracy.item())
    for one, two in zip(actual, expected):
        torch.testing.assert_close(one, two, rtol=1e-8, atol=1e-12)


# ReLU with few samples: of a million pre-activations some lie within a
# rounding error of the kink, where float32 and float64 differ in slope.
@pytest.mark.parametrize('act, size', [(None, 32), ('Tanh', 32), ('ReLU', 12)])
def test_float32_is_within_1e5_of_the_float64_reference(act, size):
    head, features, distances = make(act, size, width=256, hidden=256)
    function = getattr(torch.nn, act)() if act else None
    loss, _, _ = literal_loss(features, distances, *weights(head), function)
    (expected,) = torch.autograd.grad(loss, features)
    head.float()
    single = features.detach().float().requires_grad_()
    result = head.loss(single, distances)
    result.loss.backward()
    assert result.loss.item() == pytest.approx(loss.item(), rel=1e-5)
    error = (single.grad - expected).abs().max() / expected.abs().max()
    assert error < 1e-5


def test_repeated_samples():
    head, features, distances = make('ReLU', 9)
    rows = torch.tensor([0, 1, 2, 1, 4, 5, 0, 7, 8])
    loss, _, count = literal_loss(
        features, distances, *weights(head), torch.relu, rows=rows
    )
    result = head.loss(features, distances, valid_pairs(rows))
    assert result.triplets == count
    assert result.loss.item() == pytest.approx(loss.item())


@pytest.mark.parametrize('act', [None, 'ReLU'])
def test_some_anchors_are_rows_of_the_table(act):
    head, features, distances = make(act, 9)
    whole, bias = head(features)
    for anchors in (slice(0, 2), slice(2, 9)):
        part, same = head(features, anchors)
        assert same == bias
        torch.testing.assert_close(part, whole[anchors])
    result = head.loss(features, distances[2:], anchors=slice(2, 9))
    assert result.triplets == 7 * 8 * 7


def test_read_literally_the_anchor_does_not_matter():
    head, features, distances = make(None, 12)
    scores, _ = head(features)
    # any two anchors see the same differences between candidates
    differences = scores - scores[:, :1]
    torch.testing.assert_close(differences, differences[:1].expand(12, -1))
    head.loss(features, distances).loss.backward()
    for_anchor, for_candidate = head.fc0.weight.grad.split(10, dim=1)
    assert for_anchor.abs().max() < 1e-12 < for_candidate.abs().max()


def test_with_an_activation_the_anchor_matters():
    head, features, distances = make('ReLU', 12)
    head.loss(features, distances).loss.backward()
    for_anchor, _ = head.fc0.weight.grad.split(10, dim=1)
    assert for_anchor.abs().max() > 1e-6


def test_blocks_are_recomputed_and_change_nothing(monkeypatch):
    head, features, distances = make('ReLU', 16)
    (whole,) = torch.autograd.grad(
        head.loss(features, distances).loss, features
    )
    monkeypatch.setattr(triplet_ranking_head, '_BLOCK_ELEMENTS', 300)
    (parts,) = torch.autograd.grad(
        head.loss(features, distances).loss, features
    )
    torch.testing.assert_close(parts, whole)


def test_the_papers_sizes_are_the_default():
    head = MODELS.build(dict(type='TripletRankingHead'))
    assert head.fc0.weight.shape == (256, 512)
    assert head.fc1.weight.shape == (2, 256)
    assert head.act is None


def test_another_feature_width_is_named():
    with pytest.raises(ValueError, match=r'\(B, 256\).*in_channels'):
        TripletRankingHead()(torch.zeros(4, 64))


@pytest.mark.parametrize(
    'name', ['Linear', 'functional', 'Module', 'Softmax', 'GLU', 'Threshold']
)
def test_what_is_no_activation_of_single_numbers(name):
    with pytest.raises(ValueError, match=f"no activation '{name}'"):
        TripletRankingHead(4, 4, act=name)


def test_unknown_activation():
    with pytest.raises(ValueError, match="no activation 'Relu'"):
        TripletRankingHead(act='Relu')
