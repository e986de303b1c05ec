"""A ranking head for all samples of the bank at once."""

from __future__ import annotations

from typing import Dict, List, Union

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor

from deeprank_mm.arguments import check_arguments
from deeprank_mm.ranking import TripletStatistics

from .cosine_ranking_head import CosineRankingHead
from .width import check_width

# Only the direction of a vector counts, and a step of SGD turns it by an angle
# in proportion to lr / length². With an encoder's learning rate vectors of
# length 1 turn too slowly (docs/recipe.md), so they begin shorter.
_LENGTH = 0.3


@MODELS.register_module()
class ListRankingHead(CosineRankingHead):
    r"""Ranks the samples of the bank, each by a vector that is learned.

    Not the paper's. A batch holds few of an anchor's neighbours, and most of
    its triplets are of two strangers. Here every sample of the bank has a
    vector ``w_j``, which any anchor can be compared with at every step ::

        p_j = softmax_j(cos(f_a, w_j) / temperature)

    and the loss is that of ListNet (Cao et al., ICML 2007) for labels that
    set ``K`` samples, the anchor's neighbours and its own, before all others:
    the divergence of ``p`` from a distribution that gives each of them
    ``1 / K``. A vector is what all anchors that have its sample as a
    neighbour agree on.

    Triplets of a batch, which validation ranks, it ranks by the similarities
    of features, as its base does.

    Args:
        in_channels (int): Feature width D. Defaults to 256.
        num_samples (int): Samples that have a vector, at most: a larger bank
            is represented by so many. Defaults to 1024.
        neighbourhood (float): Share of these samples that are an anchor's
            neighbours, at most a half. Defaults to 0.04.
        temperature (float): Difference of two similarities that counts as
            one. Defaults to 0.1.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If an argument is not positive, or the neighbourhood is
            larger than a half.
    """

    # see MultiViewRanker: the training loss is `bank_loss`
    ranks_bank = True

    @check_arguments
    def __init__(
        self,
        in_channels: int = 256,
        num_samples: int = 1024,
        neighbourhood: float = 0.04,
        temperature: float = 0.1,
        init_cfg: Union[Dict, List[Dict], None] = None,
    ) -> None:
        super().__init__(in_channels, temperature, init_cfg)
        if num_samples < 2:
            raise ValueError(
                '`num_samples` of ListRankingHead must be 2 at least, got '
                f'{num_samples}.'
            )
        if not 0 < neighbourhood <= 0.5:
            raise ValueError(
                '`neighbourhood` is a share of the samples, above 0 and at '
                f'most a half, got {neighbourhood}.'
            )
        self.num_samples = num_samples
        self.neighbourhood = neighbourhood
        self.weight = nn.Parameter(torch.empty(num_samples, in_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the vectors anew, of a length of about ``0.3``."""
        nn.init.normal_(self.weight, std=_LENGTH * self.in_channels**-0.5)

    def bank_loss(self, features: Tensor, near: Tensor) -> TripletStatistics:
        """Divergence of the ranking from the labels, in float32.

        Args:
            features (Tensor): ``(A, D)``, from the encoder that learns.
            near (Tensor): ``(A, M)`` bool, the samples that come first, one
                at least for each anchor.

        Returns:
            TripletStatistics: Mean loss over the anchors, the smaller the
            more evenly these samples, and no others, share the first place;
            the share of anchors that put one of them first; and how many
            anchors there are, in the place of triplets.

        Raises:
            ValueError: If the features have another width than the head.
        """
        check_width(self, features)
        with torch.autocast(features.device.type, enabled=False):
            anchors = F.normalize(features.to(self.weight.dtype), dim=1)
            vectors = F.normalize(self.weight[: near.shape[1]], dim=1)
            scores = anchors @ vectors.T / self.temperature
            near = near.to(scores.device)
            target = F.normalize(near.to(scores.dtype), p=1, dim=1)
            loss = F.kl_div(
                scores.log_softmax(1), target, reduction='batchmean'
            )
        first = scores.detach().argmax(1, keepdim=True)
        count = torch.tensor(len(features), device=scores.device)
        return TripletStatistics(
            loss,
            near.gather(1, first).to(scores.dtype).mean(),
            count,
            torch.zeros_like(count),
        )
