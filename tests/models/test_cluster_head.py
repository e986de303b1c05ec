import math

import pytest
import torch

from deeprank_mm.models.heads import ClusterHead


def test_loss_is_the_cross_entropy():
    head = ClusterHead(in_channels=4, n_clusters=3)
    features = torch.randn(5, 4, requires_grad=True)
    clusters = torch.tensor([0, 2, 1, 1, 0])
    result = head.loss(features, clusters)
    weight, bias = head.fc.weight.tolist(), head.fc.bias.tolist()
    total = hits = 0
    for feature, cluster in zip(features.tolist(), clusters.tolist()):
        scores = [
            sum(w * f for w, f in zip(row, feature)) + b
            for row, b in zip(weight, bias)
        ]
        total -= scores[cluster] - math.log(sum(map(math.exp, scores)))
        hits += scores.index(max(scores)) == cluster
    assert float(result.loss) == pytest.approx(total / 5, rel=1e-5)
    assert float(result.accuracy) == pytest.approx(hits / 5)
    result.loss.backward()
    assert features.grad.abs().sum() > 0


def test_it_counts_in_float32_under_autocast():
    head = ClusterHead(in_channels=4, n_clusters=3)
    features, clusters = torch.randn(5, 4), torch.tensor([0, 2, 1, 1, 0])
    plain = head.loss(features, clusters).loss
    with torch.autocast('cpu', dtype=torch.bfloat16):
        mixed = head.loss(features, clusters).loss
    assert torch.equal(plain, mixed)


def test_another_width_is_named():
    with pytest.raises(ValueError, match=r'\(B, 4\).*\(5, 8\).*in_channels'):
        ClusterHead(4, 3)(torch.randn(5, 8))


@pytest.mark.parametrize('width, count', [(0, 3), (4, 1)])
def test_bad_settings(width, count):
    with pytest.raises(ValueError, match=f'got in_channels={width}'):
        ClusterHead(width, count)
