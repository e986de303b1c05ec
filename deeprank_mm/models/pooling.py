"""From whatever an encoder returns to one feature vector a clip."""

from __future__ import annotations

from typing import Any

import torch.nn as nn
from torch import Tensor

from .skeleton_input import check_skeletons


def encode(encoder: nn.Module, inputs: Tensor) -> Tensor:
    """One feature vector a sample (eqs. 4, 5, 15, 16).

    Args:
        encoder (nn.Module): A skeleton encoder, or any other one that
            :func:`pool_features` can pool.
        inputs (Tensor): Skeletons ``(B, clips, M, T, V, C)``, averaged over
            clips; any other tensor goes to the encoder as it is, such as
            images ``(B, C, H, W)``.

    Returns:
        Tensor: ``(B, D)``.

    Raises:
        ValueError: If skeletons do not fit a graph encoder.
    """
    if inputs.dim() != 6:
        return pool_features(encoder(inputs))
    check_skeletons(encoder, inputs)
    features = pool_features(encoder(inputs.flatten(0, 1)))
    return features.unflatten(0, inputs.shape[:2]).mean(1)


def pool_features(output: Any) -> Tensor:
    """Average an encoder's output over everything but sample and channel.

    Args:
        output (Tensor or sequence): Of a skeleton encoder ``(N, M, D, T, V)``,
            averaged over persons, frames and joints exactly as MMAction2's
            ``GCNHead`` does; of an image encoder ``(N, D, H, W)``; already
            pooled ``(N, D)``; or a tuple of stages, of which the last counts.

    Returns:
        Tensor: ``(N, D)``.

    Raises:
        ValueError: If the output has another number of dimensions.
    """
    if isinstance(output, (tuple, list)):
        output = output[-1]
    if output.dim() == 5:
        return output.mean(dim=(3, 4)).mean(dim=1)
    if output.dim() == 4:
        return output.mean(dim=(2, 3))
    if output.dim() == 2:
        return output
    raise ValueError(
        f'Cannot pool an encoder output of shape {tuple(output.shape)}: '
        'expected (N, M, D, T, V), (N, D, H, W) or (N, D).'
    )
