"""Who is whose neighbour in a bank, by each view."""

from __future__ import annotations

from typing import Collection, Dict, Iterable, List, Tuple, Union

import torch
from torch import Tensor

from deeprank_mm.ranking import cross_distance, view_distance
from deeprank_mm.structures import FeatureBank

_SEED = 0
# Elements of the (rows, samples) table of distances that is filled at a time,
# and of the rows' features.
_BLOCK_ELEMENTS = 1 << 22


class Neighbourhoods:
    """The nearest samples of every sample of a bank, itself among them.

    Args:
        bank (FeatureBank): Of ``N`` samples, whose distances are compared.
        heads (Iterable[tuple[str, str]]): Modalities and views whose
            neighbourhoods are asked for (:func:`.view_distance`).
        share (float): Of the samples, that are a sample's neighbours; one at
            least, beside itself.
        size (int): Of a larger bank ``M`` samples stand for all, drawn at
            random: ids may come in an order with a period. They are the same
            in every bank of ``N``.
        normalization (str): See :func:`.normalize_features`.
        device (torch.device or str): Where to compute.

    Attributes:
        bank (FeatureBank): See above.
    """

    @torch.no_grad()
    def __init__(
        self,
        bank: FeatureBank,
        heads: Iterable[Tuple[str, str]],
        share: float,
        size: int,
        normalization: str = 'l2',
        device: Union[torch.device, str] = 'cpu',
    ) -> None:
        self.bank = bank
        heads = list(heads)
        samples = torch.arange(len(bank))
        if len(bank) > size:
            generator = torch.Generator().manual_seed(_SEED)
            samples = torch.randperm(len(bank), generator=generator)
            samples = samples[:size].sort().values
        self._samples = samples
        count = max(1, min(round(share * len(samples)), len(samples) - 1))
        names = {name for name, _ in heads}
        if any(view != 'self' for _, view in heads):
            names = set(bank.modalities)
        known = _lookup(bank, samples, names, device)
        parts: Dict[Tuple[str, str], List[Tensor]] = {h: [] for h in heads}
        width = max(value.shape[1] for value in known.values())
        step = max(1, _BLOCK_ELEMENTS // max(len(samples), width))
        for rows in torch.arange(len(bank)).split(step):
            distances = {
                name: cross_distance(value, known[name], normalization)
                for name, value in _lookup(bank, rows, names, device).items()
            }
            own = (rows[:, None] == samples).to(device)
            for head in heads:
                table = view_distance(distances, *head)
                table = table.masked_fill(own, float('inf'))
                nearest = table.topk(count, dim=1, largest=False).indices
                parts[head].append(nearest.int().cpu())
        self._nearest = {head: torch.cat(part) for head, part in parts.items()}

    def near(self, head: Tuple[str, str], rows: Tensor) -> Tensor:
        """Whom anchors should rank first.

        Args:
            head (tuple[str, str]): Modality and view.
            rows (Tensor): ``(A, )``, the anchors' rows of the bank.

        Returns:
            Tensor: ``(A, M)`` bool, on the CPU: the anchor's neighbours, and
            the anchor's own sample where it is among the ``M``.
        """
        near = rows[:, None] == self._samples
        return near.scatter_(1, self._nearest[head][rows].long(), True)


def _lookup(
    bank: FeatureBank,
    rows: Tensor,
    names: Collection[str],
    device: Union[torch.device, str],
) -> Dict[str, Tensor]:
    # in the order of the bank, in which the distances of a view are summed
    features = bank.lookup(rows)
    return {k: v.to(device) for k, v in features.items() if k in names}
