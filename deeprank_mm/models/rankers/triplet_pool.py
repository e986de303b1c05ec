"""Which samples of a step form triplets: a process's own, or all of them."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

import torch
from mmengine.dist import all_gather, all_reduce, get_rank, get_world_size
from torch import Tensor
from torch.autograd.function import once_differentiable

from deeprank_mm.ranking import TripletStatistics

TRIPLET_POOLS = ('local', 'global')


class LocalPool:
    """The batch of this process alone.

    Args:
        rows (Tensor): ``(B, )`` int64, the samples' rows in the bank.
    """

    # all samples are anchors
    anchors: Optional[slice] = None

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def gather(self, features: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """Features of the pool's samples: these.

        Args:
            features (dict[str, Tensor]): For each modality ``(B, D)``.

        Returns:
            dict[str, Tensor]: The same.
        """
        return features

    def total(
        self, statistics: Mapping[tuple, TripletStatistics]
    ) -> Dict[tuple, TripletStatistics]:
        """Statistics of the pool's triplets: these.

        Args:
            statistics (Mapping[tuple, TripletStatistics]): Of each head.

        Returns:
            dict[tuple, TripletStatistics]: The same.
        """
        return dict(statistics)


class GlobalPool:
    """The batches of all processes, as if one process had them all.

    Every process ranks the candidates of the whole pool for the anchors of
    its own batch. Making one is a collective call, as are its methods.

    Args:
        rows (Tensor): ``(B, )`` int64, the rows of this process's samples in
            the bank, which is the same on all processes. ``B`` may differ
            between them.

    Attributes:
        rows (Tensor): ``(P, )``, of all processes, in the order of ranks.
        anchors (slice): Where this process's own samples are among them.
    """

    def __init__(self, rows: Tensor) -> None:
        self._sizes = [int(n) for n in all_gather(torch.tensor(len(rows)))]
        start = sum(self._sizes[: get_rank()])
        self.anchors = slice(start, start + len(rows))
        self.rows = _join(rows, self._sizes)

    def gather(self, features: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """Features of the pool's samples, with gradients.

        Args:
            features (dict[str, Tensor]): For each modality ``(B, D)``.

        Returns:
            dict[str, Tensor]: For each modality ``(P, D)``, float32, or
            float64 for float64 features.
        """
        # One gather for all of them: its backward communicates, and must
        # come at the same place between DDP's reductions everywhere.
        widths = [value.shape[1] for value in features.values()]
        mine = torch.cat(list(features.values()), dim=1)
        if mine.dtype != torch.float64:
            mine = mine.float()
        every = _Gather.apply(mine, self._sizes, self.anchors)
        return dict(zip(features, every.split(widths, dim=1)))

    def total(
        self, statistics: Mapping[tuple, TripletStatistics]
    ) -> Dict[tuple, TripletStatistics]:
        """Statistics of all processes' anchors from those of each.

        Args:
            statistics (Mapping[tuple, TripletStatistics]): Of each head, for
                this process's anchors.

        Returns:
            dict[tuple, TripletStatistics]: The same values on all processes.
            The gradient of a loss is this process's share of it times the
            number of processes, because DDP takes the mean over processes.
        """
        sums = torch.stack(
            [
                torch.stack(
                    [
                        value.triplets.double(),
                        value.ties.double(),
                        value.triplets * value.loss.detach().double(),
                        # without a triplet it has no accuracy
                        value.triplets * value.accuracy.double().nan_to_num(),
                    ]
                )
                for value in statistics.values()
            ]
        )
        all_reduce(sums)
        out = {}
        for (key, mine), (triplets, ties, loss, accuracy) in zip(
            statistics.items(), sums
        ):
            total = triplets.clamp_min(1)
            share = mine.loss * (get_world_size() * mine.triplets / total).to(
                mine.loss.dtype
            )
            out[key] = TripletStatistics(
                # the value of one, the gradient of the other
                (loss / total).to(share.dtype) + (share - share.detach()),
                (accuracy / triplets).to(share.dtype),
                triplets.long(),
                ties.long(),
            )
        return out


class _Gather(torch.autograd.Function):
    """Rows of all processes; a row's gradient is the sum of theirs.

    torch's own differentiable ``all_gather`` wants batches of one size and is
    deprecated.
    """

    @staticmethod
    def forward(ctx, mine: Tensor, sizes: List[int], own: slice) -> Tensor:
        ctx.own = own
        return _join(mine, sizes)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        grad = grad.contiguous().clone()
        all_reduce(grad)
        return grad[ctx.own], None, None


def _join(mine: Tensor, sizes: List[int]) -> Tensor:
    """Rows of all processes, in the order of ranks."""
    # collectives want equal shapes
    padded = mine.new_zeros(max(sizes), *mine.shape[1:])
    padded[: len(mine)] = mine
    parts = all_gather(padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes)])
