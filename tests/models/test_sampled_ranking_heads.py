"""The heads of Table II, against themselves written out."""

import math
from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from deeprank_mm.models.heads import (
    MLPRankingHead,
    ViTRankingHead,
    sampled_ranking_head,
)
from deeprank_mm.ranking import pairwise_distance, valid_pairs
from tests.literal import all_triplets

WIDTH = 6


def mlp(num_triplets=None):
    return MLPRankingHead(WIDTH, 5, num_triplets).double()


def vit(num_triplets=None):
    return ViTRankingHead(WIDTH, 8, 2, 2, 7, num_triplets).double()


HEADS = pytest.mark.parametrize('make', [mlp, vit])


def batch(size):
    features = torch.randn(
        size, WIDTH, dtype=torch.float64, requires_grad=True
    )
    distances = pairwise_distance(torch.randn(size, 5, dtype=torch.float64))
    return features, distances


def literal_mlp(head, a, c1, c2):
    def layers(mlp, x):
        hidden = (mlp[0].weight @ x + mlp[0].bias).clamp(min=0)
        return mlp[2].weight @ hidden + mlp[2].bias

    latent = [layers(head.mlp0, torch.cat([a, c])) for c in (c1, c2)]
    return layers(head.mlp1, torch.cat(latent))


def literal_vit(head, a, c1, c2):
    def linear(layer, x):
        return layer.weight @ x + layer.bias

    def norm(layer, x):
        var = (x - x.mean()).pow(2).mean()
        return (x - x.mean()) / (var + 1e-5).sqrt() * layer.weight + layer.bias

    width = head.embed.out_features
    tokens = []
    for place, value in enumerate((a, c1, c2)):
        angles = [place / 10000 ** (2 * i / width) for i in range(width // 2)]
        known = [math.sin(x) for x in angles] + [math.cos(x) for x in angles]
        tokens.append(
            linear(head.embed, value) + torch.tensor(known).to(value)
        )
    for block in head.blocks:
        attention = block.self_attn
        size = width // attention.num_heads
        qkv = [
            attention.in_proj_weight @ norm(block.norm1, t)
            + attention.in_proj_bias
            for t in tokens
        ]
        mixed = []
        for row in qkv:
            heads = []
            for h in range(attention.num_heads):
                part = slice(h * size, (h + 1) * size)
                q = row[:width][part]
                keys = [x[width : 2 * width][part] for x in qkv]
                values = [x[2 * width :][part] for x in qkv]
                share = torch.stack(
                    [q @ k / math.sqrt(size) for k in keys]
                ).softmax(0)
                heads.append(sum(s * v for s, v in zip(share, values)))
            mixed.append(linear(attention.out_proj, torch.cat(heads)))
        tokens = [t + m for t, m in zip(tokens, mixed)]
        tokens = [
            t
            + linear(
                block.linear2,
                F.gelu(linear(block.linear1, norm(block.norm2, t))),
            )
            for t in tokens
        ]
    return linear(head.fc, norm(head.norm, sum(tokens) / 3))


@pytest.mark.parametrize(
    'make, literal', [(mlp, literal_mlp), (vit, literal_vit)]
)
def test_equals_the_literal_head_on_every_triplet(make, literal):
    head, (features, distances) = make(), batch(5)
    total = hits = 0
    a, c1, c2 = all_triplets(5)
    for i, j, k in zip(a.tolist(), c1.tolist(), c2.tolist()):
        logits = literal(head, features[i], features[j], features[k])
        label = 0 if distances[i, j] < distances[i, k] else 1
        total = total - logits.log_softmax(0)[label]
        hits += int(logits.argmax()) == label
    result = head.loss(features, distances)
    assert result.triplets == len(a) == 60
    torch.testing.assert_close(result.loss, total / 60, rtol=1e-6, atol=0)
    assert float(result.accuracy) == pytest.approx(hits / 60)
    one, two = (
        torch.autograd.grad(loss, features, retain_graph=True)[0]
        for loss in (result.loss, total / 60)
    )
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-9)


@HEADS
def test_blocks_change_nothing(make, monkeypatch):
    head, (features, distances) = make(), batch(7)
    results = []
    for block in (10**6, 11):
        monkeypatch.setattr(sampled_ranking_head, '_BLOCK', block)
        result = head.loss(features, distances)
        grads = torch.autograd.grad(result.loss, [features])
        results.append((result.loss, *grads))
    for one, two in zip(*results):
        torch.testing.assert_close(one, two)


def drawn(head, size, valid=None, anchors=slice(None)):
    own = torch.arange(size)[anchors]
    if valid is None:
        valid = ~torch.eye(size, dtype=torch.bool)
    row, first, second = head._triplets(own, valid)
    return list(zip(own[row].tolist(), first.tolist(), second.tolist()))


def test_draws_are_uniform_over_the_valid_triplets():
    # samples 0 and 1 are the same one
    rows = torch.tensor([0, 0, 1, 2, 3])
    valid = valid_pairs(rows)
    expected = {
        (a, b, c)
        for a, b, c in zip(*(t.tolist() for t in all_triplets(5)))
        if len({int(rows[i]) for i in (a, b, c)}) == 3
    }
    head = mlp(num_triplets=2)
    counts = Counter()
    for _ in range(3000):
        counts.update(drawn(head, 5, valid))
    assert set(counts) == expected
    mean = 6000 / len(expected)
    chi2 = sum((n - mean) ** 2 / mean for n in counts.values())
    # counterparts come in twos, which doubles the spread
    assert chi2 / 2 < 1.7 * len(expected) / 2


def test_counterparts_balance_the_classes():
    head, (features, distances) = mlp(num_triplets=20), batch(12)
    triplets = drawn(head, 12)
    swapped = {(a, c, b) for a, b, c in triplets}
    assert len(triplets) == 20 and set(triplets) == swapped
    labels = [distances[a, b] < distances[a, c] for a, b, c in triplets]
    assert sum(labels) == 10
    assert head.loss(features, distances).triplets == 20


@HEADS
def test_a_sample_estimates_the_whole(make):
    head, (features, distances) = make(200), batch(12)
    estimates = torch.stack(
        [head.loss(features, distances).loss.detach() for _ in range(60)]
    )
    head.num_triplets = None
    whole = head.loss(features, distances)
    assert whole.triplets == 12 * 11 * 10
    error = estimates.std() / math.sqrt(60)
    assert abs(estimates.mean() - whole.loss) < 4 * error


def test_validation_always_draws_the_same():
    head = mlp(num_triplets=20)
    assert drawn(head, 12) != drawn(head, 12)
    head.eval()
    assert drawn(head, 12) == drawn(head, 12)


def test_some_samples_as_anchors():
    triplets = drawn(mlp(num_triplets=50), 12, anchors=slice(3, 6))
    assert {a for a, _, _ in triplets} <= {3, 4, 5}
    head, (features, distances) = mlp(), batch(6)
    part = head.loss(features, distances[2:4], anchors=slice(2, 4))
    assert part.triplets == 2 * 5 * 4


def test_without_a_triplet_the_loss_is_zero():
    head, (features, distances) = mlp(), batch(2)
    result = head.loss(features, distances)
    assert result.loss == 0 and result.triplets == 0
    assert result.accuracy.isnan()


def test_ties_are_of_the_second_class_and_counted():
    head, (features, _) = mlp(), batch(4)
    result = head.loss(features, torch.ones(4, 4))
    assert result.ties == result.triplets == 24


def test_every_weight_of_the_vit_is_drawn_anew_at_a_reset():
    head = vit()
    before = [p.clone() for p in head.parameters() if p.dim() > 1]
    for module in head.modules():
        if hasattr(module, 'reset_parameters'):
            module.reset_parameters()
    after = [p for p in head.parameters() if p.dim() > 1]
    assert not any(torch.equal(*pair) for pair in zip(before, after))


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda: MLPRankingHead(0), 'in_channels=0'),
        (lambda: MLPRankingHead(4, 0), 'hidden_channels=0'),
        (lambda: MLPRankingHead(4, num_triplets=3), 'even number.*got 3'),
        (lambda: ViTRankingHead(4, 9), 'embed_channels=9'),
        (lambda: ViTRankingHead(4, 8, num_heads=3), 'num_heads=3'),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_another_width_is_named():
    with pytest.raises(ValueError, match=r'\(B, 6\).*\(3, 4\).*in_channels'):
        mlp().loss(torch.randn(3, 4), torch.randn(3, 3))
