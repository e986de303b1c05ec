"""How far an anchor's neighbours are, in a bank and by each view."""

from __future__ import annotations

from typing import Collection, Dict, Iterable, List, Tuple, Union

import torch
from torch import Tensor

from deeprank_mm.ranking import cross_distance, view_distance
from deeprank_mm.structures import FeatureBank

# A share is known well enough from so many samples of the bank, drawn at
# random (ids may come in an order with a period): the cost of a large bank
# grows with its size, and not with the square.
_MAX_OTHERS = 2048
_SEED = 0
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
        device (torch.device or str): Where to compute.

    Returns:
        dict[tuple[str, str], Tensor]: For each of ``heads`` ``(N, )``
        float32, on the CPU. A sample at exactly that distance is a
        neighbour, too.
    """
    heads = list(heads)
    size = len(bank)
    others = torch.arange(size)
    if size > _MAX_OTHERS:
        generator = torch.Generator().manual_seed(_SEED)
        others = torch.randperm(size, generator=generator)[:_MAX_OTHERS]
    count = max(1, min(round(share * len(others)), len(others) - 1))
    names = {name for name, _ in heads}
    if any(view != 'self' for _, view in heads):
        names = set(bank.modalities)
    known = _lookup(bank, others, names, device)
    radii: Dict[Tuple[str, str], List[Tensor]] = {head: [] for head in heads}
    for rows in torch.arange(size).split(
        max(1, _BLOCK_ELEMENTS // len(others))
    ):
        distances = {
            name: cross_distance(value, known[name], normalization)
            for name, value in _lookup(bank, rows, names, device).items()
        }
        own = (rows[:, None] == others).to(device)
        for head in heads:
            table = view_distance(distances, *head)
            table = table.masked_fill(own, float('inf'))
            # kthvalue has no deterministic version on a GPU
            nearest = table.topk(count, dim=1, largest=False).values
            radii[head].append(nearest[:, -1].cpu())
    return {head: torch.cat(values) for head, values in radii.items()}


def _lookup(
    bank: FeatureBank,
    rows: Tensor,
    names: Collection[str],
    device: Union[torch.device, str],
) -> Dict[str, Tensor]:
    # in the order of the bank, in which the distances of a view are summed
    features = bank.lookup(rows)
    return {k: v.to(device) for k, v in features.items() if k in names}
