"""Attention of several heads and the convolution that joins them.

Nearly all the time of an STTFormer is spent on
``convolution(concatenation over heads of x @ attention_h)``. There are two
ways to compute it, equal but for rounding:

- *direct*, one product and one convolution, both with the channels last in
  memory, so that neither copies what the other wrote;
- *spectral*, for wide layers on a CPU: the joints of a tuple are cut into
  tiles, and their Fourier transform is folded into the attention map, which
  is small. The convolution over joints is then a product for every
  frequency, with less than half of the multiplications of five taps.
"""

from __future__ import annotations

import math
from typing import Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

# Where measurements on a CPU saw the spectral way win: its weights are
# transformed once a call, which enough tuples and channels must pay for.
_MIN_TUPLES = 64
_MIN_WEIGHTS = 1 << 15
_MIN_TAPS = 5
_MIN_LENGTH = 60
# Outputs of a tile, about: longer tiles save little and need more memory.
_TILE = 30


def mix_tuples(x: Tensor, attention: Tensor, conv: nn.Conv2d) -> Tensor:
    """Apply every head's attention, then the convolution over joints.

    Args:
        x (Tensor): Features ``(N, C, T, V)``.
        attention (Tensor): ``(N, heads, V, V)``; rows are read, columns
            written.
        conv (nn.Conv2d): From ``heads x C`` channels, head by head, with a
            kernel ``(1, taps)`` that keeps the size.

    Returns:
        Tensor: ``(N, conv.out_channels, T, V)``, channels last in memory.
    """
    if _spectral_pays(x, conv):
        return _spectral(x, attention, conv)
    return _direct(x, attention, conv)


def _spectral_pays(x: Tensor, conv: nn.Conv2d) -> bool:
    """Whether the spectral way is the faster one."""
    n, c, t, v = x.shape
    return (
        x.device.type == 'cpu'
        # under autocast features are bfloat16, too coarse for frequencies
        and x.dtype == torch.float32
        and n * t >= _MIN_TUPLES
        and c * conv.out_channels >= _MIN_WEIGHTS
        and conv.kernel_size[1] >= _MIN_TAPS
        and v >= _MIN_LENGTH
    )


def _direct(x: Tensor, attention: Tensor, conv: nn.Conv2d) -> Tensor:
    n, _, t, v = x.shape
    # rows (written joint, head): the heads' channels then lie side by side,
    # as the convolution wants them
    rows = attention.permute(0, 3, 1, 2).flatten(1, 2).unsqueeze(1)
    mixed = torch.matmul(rows, x.permute(0, 2, 3, 1)).view(n, t, v, -1)
    return conv(mixed.permute(0, 3, 1, 2))


def _spectral(x: Tensor, attention: Tensor, conv: nn.Conv2d) -> Tensor:
    n, _, t, v = x.shape
    taps, pad = conv.kernel_size[1], conv.padding[1]
    tiles = math.ceil(v / _TILE)
    tile = 2 * math.ceil(v / tiles / 2)
    forward, inverse = _fourier(tile + taps - 1, x)

    # attention in frequencies: (N, tiles x bins x 2 x heads, V)
    columns = F.pad(attention, (pad, tiles * tile - v + pad))
    rows = torch.einsum(
        'nhupl,lqr->npqrhu', columns.unfold(3, len(forward), tile), forward
    )
    mixed = torch.matmul(rows.reshape(n, 1, -1, v), x.permute(0, 2, 3, 1))
    bins = forward.shape[1]
    mixed = mixed.view(n * t * tiles, bins, -1).transpose(0, 1)

    out = torch.bmm(mixed, _frequency_weight(conv.weight, forward[:taps]))
    # back from frequencies, tile by tile; a tile's last outputs wrapped
    # around, and belong to the next one
    out = out.unflatten(2, (2, -1)).permute(1, 0, 2, 3).flatten(1, 2)
    back = inverse[:tile].flatten(1).expand(len(out), -1, -1)
    out = torch.bmm(back, out) + conv.bias
    out = out.view(n, t, tiles * tile, -1)[:, :, :v]
    return out.permute(0, 3, 1, 2)


def _frequency_weight(weight: Tensor, forward: Tensor) -> Tensor:
    """The convolution's weight as a real matrix for every frequency.

    Args:
        weight (Tensor): ``(D, heads x C, 1, taps)``.
        forward (Tensor): The first ``taps`` rows of the transform.

    Returns:
        Tensor: ``(bins, 2 x heads x C, 2 x D)``. It multiplies by the
        complex conjugate, since torch's convolution does not flip the taps.
    """
    re, im = torch.einsum('oik,kqr->rqio', weight[:, :, 0], forward).unbind()
    # bin 0 holds two real frequencies, which do not mix
    zero = torch.zeros_like(re[:1])
    from_re = torch.cat([re, torch.cat([zero, -im[1:]])], 2)
    from_im = torch.cat(
        [torch.cat([zero, im[1:]]), torch.cat([im[:1], re[1:]])], 2
    )
    return torch.cat([from_re, from_im], 1)


def _fourier(length: int, like: Tensor) -> Tuple[Tensor, Tensor]:
    """Real Fourier transform of an even length and its inverse.

    The lowest and the highest frequency are real: together they are bin 0,
    as if they were the real and the imaginary part of one.

    Args:
        length (int): Even.
        like (Tensor): Has the dtype and device of the result.

    Returns:
        tuple[Tensor, Tensor]: Both ``(length, length / 2, 2)``: position,
        bin, and real or imaginary part.
    """
    angle = torch.arange(length, dtype=torch.float64)[:, None] * torch.arange(
        length // 2 + 1, dtype=torch.float64
    )
    angle = angle * (2 * math.pi / length)
    last = torch.cos(angle[:, -1:])
    re = torch.cos(angle[:, :-1])
    im = torch.cat([last, -torch.sin(angle[:, 1:-1])], 1)
    forward = torch.stack([re, im], 2)
    # every other frequency stands for its mirror image as well
    inverse = forward * (2 / length)
    inverse[:, 0] /= 2
    return forward.to(like), inverse.to(like)
