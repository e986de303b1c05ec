"""Where a contrastive method compares features."""

from __future__ import annotations

from typing import Dict, List, Optional, Union

import torch.nn as nn
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from deeprank_mm.arguments import check_arguments

from .width import check_width


@MODELS.register_module()
class ProjectionHead(BaseModule):
    """Two linear layers with a ReLU between them, onto the unit sphere.

    Args:
        in_channels (int): Feature width D. Defaults to 256.
        hidden_channels (int, optional): Width between the layers. Defaults
            to None: that of the features.
        out_channels (int): Width of what is compared. Defaults to 128.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If a width is not positive.
    """

    @check_arguments
    def __init__(
        self,
        in_channels: int = 256,
        hidden_channels: Optional[int] = None,
        out_channels: int = 128,
        init_cfg: Union[Dict, List[Dict], None] = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        hidden = in_channels if hidden_channels is None else hidden_channels
        if min(in_channels, hidden, out_channels) < 1:
            raise ValueError(
                'ProjectionHead needs positive widths, got in_channels='
                f'{in_channels}, hidden_channels={hidden_channels} and '
                f'out_channels={out_channels}.'
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.fc0 = nn.Linear(in_channels, hidden)
        self.fc1 = nn.Linear(hidden, out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Project features.

        Args:
            features (Tensor): ``(B, D)``.

        Returns:
            Tensor: ``(B, out_channels)`` unit vectors.

        Raises:
            ValueError: If the features have another width than the head.
        """
        check_width(self, features)
        return F.normalize(self.fc1(F.relu(self.fc0(features))))
