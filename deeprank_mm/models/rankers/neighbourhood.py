"""How far an anchor's neighbours are, in a bank and by each view."""

from __future__ import annotations

from typing import Dict, Iterable, List, Tuple, Union

import torch
from torch import Tensor

from deeprank_mm.ranking import cross_distance, view_distance
from deeprank_mm.structures import FeatureBank

# A share is known well enough from so many samples, evenly spaced in the
# bank: the cost of a large bank grows with its size, and not with the square.
_MAX_OTHERS = 4096
# Elements of the (anchors, others) table that is filled at a time.
_BLOCK_ELEMENTS = 1 << 22


@torch.no_grad()
def neighbour_radii(
    bank: FeatureBank,
    heads: Iterable[Tuple[str, str]],
    share: float,
    normalization: str = 'l2',
    device: Union[torch.device, str] = 'cpu',
) -> Dict[Tuple[str, str], Tensor]:
    """The distance within which a sample has a share of all others.

    Args:
        bank (FeatureBank): Of ``N`` samples.
        heads (Iterable[tuple[str, str]]): Modalities and views whose
            distances are asked for (:func:`.view_distance`).
        share (float): Of neighbours among the samples, above 0; everybody
            has one at least.
        normalization (str): See :func:`.normalize_features`.
        device (torch.device or str): Where to compute, and of the result.

    Returns:
        dict[tuple[str, str], Tensor]: For each of ``heads`` ``(N, )``
        float32. A sample at exactly that distance is a neighbour, too.
    """
    heads = list(heads)
    size = len(bank)
    others = torch.arange(0, size, -(-size // _MAX_OTHERS))
    known = _lookup(bank, others, device)
    count = min(max(1, round(share * len(others))), len(others) - 1)
    radii: Dict[Tuple[str, str], List[Tensor]] = {head: [] for head in heads}
    for rows in torch.arange(size).split(
        max(1, _BLOCK_ELEMENTS // len(others))
    ):
        distances = {
            name: cross_distance(value, known[name], normalization)
            for name, value in _lookup(bank, rows, device).items()
        }
        own = (rows[:, None] == others).to(device)
        for head in heads:
            table = view_distance(distances, *head)
            table = table.masked_fill(own, float('inf'))
            radii[head].append(table.kthvalue(count, dim=1).values)
    return {head: torch.cat(values) for head, values in radii.items()}


def _lookup(
    bank: FeatureBank, rows: Tensor, device: Union[torch.device, str]
) -> Dict[str, Tensor]:
    return {k: v.to(device) for k, v in bank.lookup(rows).items()}
