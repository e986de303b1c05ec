import math

import pytest
import torch

from deeprank_mm.evaluation.class_distances import class_distances


def literal(features, labels, one, two):
    """Mean over all pairs of different samples, one at a time."""
    found = []
    for i, a in enumerate(features):
        for j, b in enumerate(features):
            if i != j and (labels[i], labels[j]) == (one, two):
                found.append(
                    1 - float(a @ b) / float(a.norm()) / float(b.norm())
                )
    return sum(found) / len(found) if found else math.nan


def test_equals_the_mean_over_pairs():
    features = torch.randn(14, 5, dtype=torch.float64)
    labels = torch.tensor([7, 2, 2, 7, 4, 2, 7, 2, 4, 7, 2, 4, 7, 9])
    classes, matrix = class_distances(features, labels)
    assert classes.tolist() == [2, 4, 7, 9]
    for i, one in enumerate(classes):
        for j, two in enumerate(classes):
            assert float(matrix[i, j]) == pytest.approx(
                literal(features, labels, one, two), rel=1e-9, nan_ok=True
            )
    # a class of one sample has no pair
    assert matrix[3, 3].isnan() and not matrix[3, :3].isnan().any()


def test_opposite_classes():
    features = torch.tensor([[1.0, 0], [3.0, 0], [-2.0, 0], [-1.0, 0]])
    _, matrix = class_distances(features, torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(
        matrix, torch.tensor([[0.0, 2], [2, 0]], dtype=torch.float64)
    )
