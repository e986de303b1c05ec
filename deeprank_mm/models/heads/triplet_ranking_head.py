"""The paper's classifier over triplets: eqs. 7 to 9."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple, Union

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor
from torch.nn.modules import activation
from torch.utils.checkpoint import checkpoint

from deeprank_mm.arguments import check_arguments

from .pair_ranking_head import PairRankingHead
from .width import check_width

# With an activation the (anchors, B, hidden) block is walked at a time.
_BLOCK_ELEMENTS = 1 << 23


@MODELS.register_module()
class TripletRankingHead(PairRankingHead):
    r"""Ranks two candidates by their closeness to an anchor.

    For a triplet of features (eqs. 7 and 8)::

        f_k   = act(FC0([f_a ; f_ck]))           k = 1, 2
        y_hat = softmax(FC1(f_1 - f_2))

    The loss runs over **all** ordered triplets of the batch at the cost of
    all pairs: FC0 of a concatenation is ``W_a f_a + W_c f_c + b``, and FC1 of
    a difference is a difference of per-pair scores
    (:mod:`deeprank_mm.ranking.triplets`).

    .. note::
       **Read literally, the head does not see the anchor** (``act=None``,
       the default). FC0 is linear, so the anchor's term and the bias of FC0
       cancel in ``f_1 - f_2``: the logit is ``(w_1 - w_2) W_c (f_c1 - f_c2)``
       plus a constant, one scalar per sample, compared (a Bradley-Terry
       model). ``W_a`` gets no gradient. What the encoder then learns is how
       often a sample is the closer one. With ``act='ReLU'`` the anchor takes
       part. The default is the paper's equation; the option is there.

    Args:
        in_channels (int): Feature width D. Defaults to 256.
        hidden_channels (int): Width between the layers. Defaults to 256, so
            that FC0 is 512 x 256 and FC1 256 x 2 as in the paper.
        act (str, optional): Name of an activation in :mod:`torch.nn`, put
            between FC0 and the subtraction. Defaults to None.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If a width is not positive or the activation is unknown.
    """

    @check_arguments
    def __init__(
        self,
        in_channels: int = 256,
        hidden_channels: int = 256,
        act: Optional[str] = None,
        init_cfg: Union[Dict, List[Dict], None] = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if in_channels < 1 or hidden_channels < 1:
            raise ValueError(
                'TripletRankingHead needs positive widths, got in_channels='
                f'{in_channels} and hidden_channels={hidden_channels}.'
            )
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.fc0 = nn.Linear(2 * in_channels, hidden_channels)
        self.act = None if act is None else _activation(act)
        self.fc1 = nn.Linear(hidden_channels, 2)

    @property
    def sees_anchor(self) -> bool:
        """bool: Whether a score depends on both: only with an activation."""
        return self.act is not None

    def forward(
        self, features: Tensor, anchors: Optional[slice] = None
    ) -> Tuple[Tensor, Tensor]:
        """Score every pair; see :class:`.PairRankingHead`."""
        check_width(self, features)
        own = features[anchors or slice(None)]
        weight = self.fc1.weight[0] - self.fc1.weight[1]
        bias = self.fc1.bias[0] - self.fc1.bias[1]
        for_anchor, for_candidate = self.fc0.weight.split(
            self.in_channels, dim=1
        )
        if self.act is None:
            # linear all the way: two matrix-vector products, a sum of
            # an anchor's and a candidate's part
            anchor = own @ (weight @ for_anchor)
            candidate = features @ (weight @ for_candidate)
            offset = weight @ self.fc0.bias
            return anchor[:, None] + candidate[None, :] + offset, bias
        anchor = F.linear(own, for_anchor, self.fc0.bias)
        candidate = F.linear(features, for_candidate)
        return self._activated_scores(anchor, candidate, weight), bias

    def _activated_scores(
        self, anchor: Tensor, candidate: Tensor, weight: Tensor
    ) -> Tensor:
        """``(A, B)`` scores with the activation, a block of anchors at once.

        A large batch would need B x B x hidden numbers for backward: blocks
        are recomputed there instead of kept.
        """

        def block_scores(part: Tensor) -> Tensor:
            return self.act(part[:, None] + candidate[None]) @ weight

        size = len(anchor)
        step = max(1, _BLOCK_ELEMENTS // max(1, candidate.numel()))
        if step >= size:
            return block_scores(anchor)
        return torch.cat(
            [
                checkpoint(block_scores, part, use_reentrant=False)
                for part in anchor.split(step)
            ]
        )


def _activation(name: str) -> nn.Module:
    """An activation of :mod:`torch.nn` that works element by element.

    Raises:
        ValueError: If there is none of this name that needs no arguments.
    """
    sound = name in activation.__all__
    try:
        module = getattr(nn, name)() if sound else None
        # one number alone or among others: not so with Softmax or GLU
        sound = sound and torch.equal(
            module(torch.zeros(1, 2, device='cpu'))[:, :1],
            module(torch.zeros(1, 1, device='cpu')),
        )
    except (RuntimeError, TypeError, ValueError):
        sound = False
    if not sound:
        raise ValueError(
            f'TripletRankingHead knows no activation {name!r}: name one of '
            "torch.nn, such as 'ReLU', or None for the paper's."
        )
    return module
