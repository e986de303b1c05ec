"""Do the skeletons of a batch fit the encoder that they go to?"""

from __future__ import annotations

import torch.nn as nn
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm


def check_skeletons(encoder: nn.Module, inputs: Tensor) -> None:
    """Say what MMAction2's graph encoders would stumble over.

    Their BatchNorm counts joints and channels together, so that a wrong
    number of either, or of persons, ends in one about ``running_mean``, or
    is taken for something else if the products happen to be equal. Encoders
    without a ``graph`` are left to check for themselves.

    Args:
        encoder (nn.Module): Such as ``STGCN`` or ``AAGCN``.
        inputs (Tensor): ``(B, clips, M, T, V, C)``.

    Raises:
        ValueError: If joints, channels or persons are not as many as the
            encoder was built for, or BatchNorm has one value to average.
    """
    expected = getattr(getattr(encoder, 'graph', None), 'num_node', None)
    if expected is None:
        return
    who = type(encoder).__name__
    persons, frames, joints, channels = inputs.shape[2:]
    if expected != joints:
        raise ValueError(
            f'{who} was built for skeletons of {expected} joints and got '
            f'{joints}: give its graph_cfg the layout of the data, which '
            'GenerateModalities has, too.'
        )
    expected = getattr(encoder, 'in_channels', channels)
    if expected != channels:
        raise ValueError(
            f'{who} was built for {expected} channels and got {channels}: '
            f"set the encoder's in_channels={channels}, if the model has the "
            'same modalities as GenerateModalities.'
        )
    together = getattr(encoder, 'data_bn_type', None) == 'MVC'
    if together:
        expected = encoder.data_bn.num_features // (joints * channels)
    if together and expected != persons:
        raise ValueError(
            f'{who} was built for {expected} persons a clip and got '
            f"{persons}: set the encoder's num_person and FormatGCNInput's "
            'to the same number.'
        )
    values = inputs.shape[:2].numel() * frames * (1 if together else persons)
    norm = getattr(encoder, 'data_bn', None)
    if values == 1 and isinstance(norm, _BatchNorm) and norm.training:
        raise ValueError(
            f'{who} got a batch of one clip of one frame, from which '
            'BatchNorm cannot learn: give TemporalCropResize a greater '
            'length, or the loader drop_last=True.'
        )
