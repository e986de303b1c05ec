"""What every head checks of the features it gets."""

from __future__ import annotations

import torch.nn as nn
from torch import Tensor


def check_width(head: nn.Module, features: Tensor) -> None:
    """Refuse features of another width than a head was built for.

    Args:
        head (nn.Module): With ``in_channels``.
        features (Tensor): ``(B, D)``.

    Raises:
        ValueError: If they are no such features.
    """
    if features.dim() != 2 or features.shape[1] != head.in_channels:
        raise ValueError(
            f'{type(head).__name__} expects features (B, {head.in_channels}), '
            f"the encoder gave {tuple(features.shape)}: set the head's "
            "`in_channels` to the encoder's feature width."
        )
