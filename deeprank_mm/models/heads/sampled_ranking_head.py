"""Heads that see whole triplets, and so a sample of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Dict, List, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from deeprank_mm.ranking import TripletStatistics

from .width import check_width

# Triplets scored at a time; more are recomputed in the backward pass
# instead of kept.
_BLOCK = 8192
_SEED = 0


class SampledRankingHead(BaseModule):
    """Base of the heads of Table II that do not factor into pairs.

    Their cost is that of triplets, not of pairs: P(64, 3) = 249,984 in a
    batch of 64. So a step scores ``num_triplets`` of them, drawn uniformly
    from all valid ones with replacement, each together with its counterpart
    (the candidates swapped), which keeps the two classes balanced. The loss
    is an unbiased estimate of the mean over all. In eval mode the draw is
    always the same one.

    Args:
        in_channels (int): Feature width D.
        num_triplets (int, optional): How many a step scores, an even number;
            None for all of them, in blocks.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        in_channels: int,
        num_triplets: Optional[int],
        init_cfg: Union[Dict, List[Dict], None] = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        name = type(self).__name__
        if in_channels < 1:
            raise ValueError(
                f'{name} needs a positive width, got in_channels='
                f'{in_channels}.'
            )
        if num_triplets is not None and (num_triplets < 2 or num_triplets % 2):
            raise ValueError(
                f'{name}: `num_triplets` must be an even number of 2 or more '
                '(each triplet comes with its counterpart), or None for all; '
                f'got {num_triplets}.'
            )
        self.in_channels = in_channels
        self.num_triplets = num_triplets

    @abstractmethod
    def forward(self, anchor: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Score triplets.

        Args:
            anchor (Tensor): ``(N, D)``.
            first (Tensor): ``(N, D)``, candidates 1.
            second (Tensor): ``(N, D)``, candidates 2.

        Returns:
            Tensor: ``(N, 2)`` logits: which candidate is closer.
        """

    def loss(
        self,
        features: Tensor,
        distances: Tensor,
        valid: Optional[Tensor] = None,
        anchors: Optional[slice] = None,
    ) -> TripletStatistics:
        """Cross-entropy over triplets (eq. 9), in float32.

        Args:
            features (Tensor): ``(B, D)``, from the encoder that learns.
            distances (Tensor): ``(A, B)`` view distances of the same samples,
                from the feature bank: they give the labels.
            valid (Tensor, optional): ``(B, B)`` bool, pairs of distinct
                samples. Defaults to all but the diagonal.
            anchors (slice, optional): Which ``A`` samples are anchors: the
                rows of ``distances``. Defaults to all.

        Returns:
            TripletStatistics: Loss, accuracy, number of triplets scored and
            of ties among them.

        Raises:
            ValueError: If the features have another width than the head.
        """
        check_width(self, features)
        size = len(features)
        own = torch.arange(size, device=features.device)[
            anchors or slice(None)
        ]
        if valid is None:
            valid = ~torch.eye(size, dtype=torch.bool, device=features.device)
        row, first, second = self._triplets(own, valid)
        closer = distances[row, first] < distances[row, second]  # eq. 2
        ties = (distances[row, first] == distances[row, second]).sum()
        count = torch.tensor(len(row), device=features.device)
        if not len(row):
            nan = features.new_tensor(float('nan'))
            return TripletStatistics(features.sum() * 0.0, nan, count, ties)
        with torch.autocast(features.device.type, enabled=False):
            if features.dtype in (torch.bfloat16, torch.float16):
                features = features.float()
            logits = self._score(features, own[row], first, second)
            target = (~closer).long()
            loss = F.cross_entropy(logits, target)
        # equal logits go to the second class, as equal distances do
        hits = (logits[:, 0] > logits[:, 1]) == closer
        return TripletStatistics(loss, hits.to(loss.dtype).mean(), count, ties)

    def _score(
        self, features: Tensor, anchor: Tensor, first: Tensor, second: Tensor
    ) -> Tensor:
        def block(a: Tensor, c1: Tensor, c2: Tensor) -> Tensor:
            return self(features[a], features[c1], features[c2])

        if len(anchor) <= _BLOCK:
            return block(anchor, first, second)
        parts = zip(*(t.split(_BLOCK) for t in (anchor, first, second)))
        return torch.cat(
            [checkpoint(block, *part, use_reentrant=False) for part in parts]
        )

    def _triplets(
        self, own: Tensor, valid: Tensor
    ) -> Tuple[Tensor, Tensor, Tensor]:
        """Row of the anchor among ``own``, and the two candidates."""
        counts = (valid[own].float() @ valid.float() * valid[own]).sum(1)
        total = int(counts.sum())
        if self.num_triplets is None or total <= self.num_triplets:
            every = (
                valid[own][:, :, None] & valid[own][:, None, :] & valid[None]
            )
            return every.nonzero().unbind(1)
        # an anchor by its share of the triplets, then two candidates of it
        generator = None
        if not self.training:
            generator = torch.Generator().manual_seed(_SEED)
        half = self.num_triplets // 2
        row = torch.multinomial(
            counts.cpu().double(), half, True, generator=generator
        ).to(own.device)
        pairs = valid[own][row]
        weight = (pairs.float() @ valid.float()) * pairs
        first = _draw(weight, generator)
        second = _draw((valid[first] & pairs).float(), generator)
        return (
            torch.cat([row, row]),
            torch.cat([first, second]),
            torch.cat([second, first]),
        )


def _draw(weight: Tensor, generator: Optional[torch.Generator]) -> Tensor:
    """One column of each row, by its weight."""
    columns = torch.multinomial(
        weight.cpu(), 1, replacement=True, generator=generator
    )
    return columns[:, 0].to(weight.device)
