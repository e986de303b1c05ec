"""Which samples of a bank are neighbours of an anchor, in each view."""

from __future__ import annotations

from typing import Dict, Iterable, Mapping, Tuple

import torch
from torch import Tensor

from .distance import cross_distance
from .views import view_distance

# Elements of the (anchors, N) table of distances that is filled at a time.
_BLOCK_ELEMENTS = 1 << 22


@torch.no_grad()
def neighbour_radii(
    features: Mapping[str, Tensor],
    heads: Iterable[Tuple[str, str]],
    count: int,
    normalization: str = 'l2',
) -> Dict[Tuple[str, str], Tensor]:
    """How far each sample's ``count``-th nearest other sample is.

    All others within that distance are its neighbours. Costs N^2 distances,
    in blocks of anchors, so memory grows with N only.

    Args:
        features (Mapping[str, Tensor]): For each modality ``(N, D)``.
        heads (Iterable[tuple[str, str]]): Modalities and views whose
            distances are asked for (:func:`view_distance`).
        count (int): Of neighbours; all others where there are fewer.
        normalization (str): See :func:`normalize_features`.

    Returns:
        dict[tuple[str, str], Tensor]: For each of ``heads`` ``(N, )``;
        float32, or float64 for float64 features.
    """
    heads = list(heads)
    size = len(next(iter(features.values())))
    count = min(count, size - 1)
    parts: Dict[Tuple[str, str], list] = {head: [] for head in heads}
    step = max(1, _BLOCK_ELEMENTS // size)
    for start in range(0, size, step):
        rows = slice(start, start + step)
        distances = {
            name: cross_distance(value[rows], value, normalization)
            for name, value in features.items()
        }
        for head in heads:
            table = view_distance(distances, *head)
            # the nearest of all is the anchor itself
            parts[head].append(table.kthvalue(count + 1, dim=1).values)
    return {head: torch.cat(values) for head, values in parts.items()}
