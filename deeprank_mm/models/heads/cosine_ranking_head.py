"""A ranking head without weights: by the distances that make the labels."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple, Union

import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor

from deeprank_mm.arguments import check_arguments

from .pair_ranking_head import PairRankingHead
from .width import check_width


@MODELS.register_module()
class CosineRankingHead(PairRankingHead):
    r"""Ranks two candidates by their cosine similarity to the anchor.

    Not the paper's: eqs. 7 and 8 are replaced by ::

        y_hat = sigmoid((cos(f_a, f_c1) - cos(f_a, f_c2)) / temperature)

    Read literally, the paper's head does not see the anchor
    (:class:`TripletRankingHead`): the encoder learns one number a sample. Here
    it learns the ranking itself, of augmented clips, in the geometry that
    makes the labels (eq. 3 with L2 normalisation) and that neighbours are
    searched in. Nothing but the encoder has weights.

    Args:
        in_channels (int, optional): Feature width D, to be checked. Defaults
            to None: any.
        temperature (float): Difference of two similarities that counts as
            one. Defaults to 0.1.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If width or temperature is not positive.
    """

    sees_anchor = True

    @check_arguments
    def __init__(
        self,
        in_channels: Optional[int] = None,
        temperature: float = 0.1,
        init_cfg: Union[Dict, List[Dict], None] = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if in_channels is not None and in_channels < 1:
            raise ValueError(
                'CosineRankingHead needs a positive width, got '
                f'in_channels={in_channels}.'
            )
        if temperature <= 0:
            raise ValueError(
                'CosineRankingHead needs a positive temperature, got '
                f'{temperature}.'
            )
        self.in_channels = in_channels
        self.temperature = temperature

    def forward(
        self, features: Tensor, anchors: Optional[slice] = None
    ) -> Tuple[Tensor, Tensor]:
        """Score every pair; see :class:`.PairRankingHead`."""
        if self.in_channels is not None:
            check_width(self, features)
        directions = F.normalize(features, dim=1)
        own = directions[anchors or slice(None)]
        return own @ directions.T / self.temperature, features.new_zeros(())
