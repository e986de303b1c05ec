"""Table II, first row: two MLPs over a triplet."""

from __future__ import annotations

from typing import Dict, List, Optional, Union

import torch
import torch.nn as nn
from mmaction.registry import MODELS
from torch import Tensor

from deeprank_mm.arguments import check_arguments

from .sampled_ranking_head import SampledRankingHead


@MODELS.register_module()
class MLPRankingHead(SampledRankingHead):
    r"""Ranks two candidates by two small MLPs (Table II, "MLP").

    For a triplet of features::

        f_k   = MLP0([f_a ; f_ck])        k = 1, 2
        y_hat = softmax(MLP1([f_1 ; f_2]))

    MLP0 is shared by the candidates; both have two layers with a ReLU
    between them. Where :class:`TripletRankingHead` subtracts, the
    candidates are concatenated.

    Args:
        in_channels (int): Feature width D. Defaults to 256.
        hidden_channels (int): Width of the hidden layers and of f_k.
            Defaults to 256.
        num_triplets (int, optional): How many triplets a step scores.
            Defaults to 4096; None for all, in blocks.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If a number is out of its range.
    """

    @check_arguments
    def __init__(
        self,
        in_channels: int = 256,
        hidden_channels: int = 256,
        num_triplets: Optional[int] = 4096,
        init_cfg: Union[Dict, List[Dict], None] = None,
    ) -> None:
        super().__init__(in_channels, num_triplets, init_cfg)
        if hidden_channels < 1:
            raise ValueError(
                'MLPRankingHead needs a positive width, got hidden_channels='
                f'{hidden_channels}.'
            )
        self.mlp0 = _mlp(2 * in_channels, hidden_channels, hidden_channels)
        self.mlp1 = _mlp(2 * hidden_channels, hidden_channels, 2)

    def forward(self, anchor: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Score triplets; see :class:`.SampledRankingHead`."""
        latent = [
            self.mlp0(torch.cat([anchor, candidate], 1))
            for candidate in (first, second)
        ]
        return self.mlp1(torch.cat(latent, 1))


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )
