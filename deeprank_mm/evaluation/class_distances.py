"""How far apart classes are, on average (Fig. 6)."""

from __future__ import annotations

from typing import Tuple

import torch
from torch import Tensor

from deeprank_mm.ranking import normalize_features


def class_distances(features: Tensor, labels: Tensor) -> Tuple[Tensor, Tensor]:
    """Average cosine distance between the samples of every two classes.

    Over all pairs of distinct samples, by the mean unit vectors of the
    classes: no pair is ever looked at.

    Args:
        features (Tensor): ``(N, D)``.
        labels (Tensor): ``(N, )`` int64.

    Returns:
        tuple[Tensor, Tensor]: The ``C`` classes there are, ``(C, )``, and
        distances ``(C, C)`` float64 in [0, 2]; nan on the diagonal for a
        class of one sample.
    """
    classes, index = labels.unique(return_inverse=True)
    unit = normalize_features(features.double(), 'l2')
    sums = unit.new_zeros(len(classes), unit.shape[1])
    sums.index_add_(0, index, unit)
    counts = index.bincount(minlength=len(classes)).double()
    similar = sums @ sums.T
    pairs = counts[:, None] * counts[None, :]
    # a sample is no pair with itself
    own = torch.zeros_like(counts).index_add_(0, index, unit.pow(2).sum(1))
    similar -= own.diag()
    pairs -= counts.diag()
    return classes, 1 - similar / pairs
