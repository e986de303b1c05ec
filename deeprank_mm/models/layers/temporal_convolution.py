"""Convolution over time with a fraction of the multiplications."""

from __future__ import annotations

from functools import lru_cache
from typing import Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Rows are worked off in blocks of about this many numbers a frame, so that
# the products of a block stay in the cache.
BLOCK = 16384


class Tiles(NamedTuple):
    """How frames are cut into tiles of ``length`` that overlap.

    ``step`` outputs come from each. ``inputs``, ``weights`` and ``outputs``
    are the matrices of the products, see :func:`products`.
    """

    length: int
    step: int
    inputs: Tensor
    weights: Tensor
    outputs: Tensor


class Side(NamedTuple):
    """What of a tile lies within the clip, of the input or of the output.

    ``columns`` of its matrix go with ``frames`` of the clip.
    """

    columns: slice
    frames: slice


def temporal_convolution(
    x: Tensor, weight: Tensor, bias: Optional[Tensor] = None, stride: int = 1
) -> Tensor:
    """``conv1d`` over frames, as :func:`torch.nn.functional.conv1d` has it.

    A tile of ``L`` frames is taken to its discrete Fourier transform, where a
    convolution is one product a frequency, that is three real ones. For nine
    taps and ``L = 28`` these are 41 products for 20 frames in place of 180.
    The transforms are matrix products too. Values and gradients agree with
    the direct computation to float32's rounding (they are summed in a better
    order, if anything).

    Args:
        x (Tensor): ``(T, R, C)``, contiguous, float32 or float64.
        weight (Tensor): ``(D, C, K)`` with odd ``K``; ``K // 2`` frames of
            zeros are thought before the first and behind the last frame.
        bias (Tensor, optional): ``(D, )``.
        stride (int): Every how many frames. Defaults to 1.

    Returns:
        Tensor: ``(ceil(T / stride), R, D)``.
    """
    if not torch.is_grad_enabled():
        return _forward(x, weight, bias, stride)
    return _TemporalConvolution.apply(x, weight, bias, stride)


class _TemporalConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx,
        x: Tensor,
        weight: Tensor,
        bias: Optional[Tensor],
        stride: int,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return _forward(x, weight, bias, stride)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        return (*_backward(ctx, grad.contiguous()), None)


def _forward(
    x: Tensor, weight: Tensor, bias: Optional[Tensor], stride: int
) -> Tensor:
    frames, rows, width = x.shape
    tiles = _tiles(x, weight)
    inputs, outputs = _sides(frames, tiles, weight.shape[2], stride)
    kernel = _kernel(tiles, weight)  # (P, C, D)
    count, _, out_width = kernel.shape
    y = x.new_empty(-(-frames // stride), rows, out_width)
    for block in _blocks(rows, max(width, out_width)):
        taken = _transform(tiles.inputs, x[:, block], inputs)
        product = torch.bmm(taken.view(count, -1, width), kernel)
        product = product.view(count, len(inputs), -1)
        if bias is not None:
            # the first product is the tile's mean; L undoes its 1 / L
            first = product[0].view(-1, out_width)
            first.add_(bias, alpha=tiles.length)
        for i, (columns, frames_out) in enumerate(outputs):
            part = torch.mm(tiles.outputs[:, columns].t(), product[:, i])
            y[frames_out, block] = part.view(len(part), -1, out_width)
    return y


def _backward(
    ctx, grad: Tensor
) -> Tuple[Optional[Tensor], Optional[Tensor], Optional[Tensor]]:
    x, weight = ctx.saved_tensors
    stride = ctx.stride
    frames, rows, width = x.shape
    tiles = _tiles(x, weight)
    inputs, outputs = _sides(frames, tiles, weight.shape[2], stride)
    kernel = _kernel(tiles, weight)
    count, _, out_width = kernel.shape
    to_x, to_weight, to_bias = ctx.needs_input_grad[:3]
    grad_x = torch.empty_like(x) if to_x else None
    grad_kernel = torch.zeros_like(kernel)
    grad_bias = x.new_zeros(out_width)
    for block in _blocks(rows, max(width, out_width)):
        back = _transform(tiles.outputs, grad[:, block], outputs)
        back = back.view(count, -1, out_width)
        if to_weight:
            taken = _transform(tiles.inputs, x[:, block], inputs)
            taken = taken.view(count, -1, width)
            grad_kernel.baddbmm_(taken.transpose(1, 2), back)
        if to_bias:
            grad_bias.add_(back[0].sum(0), alpha=tiles.length)
        if grad_x is not None:
            back = torch.bmm(back, kernel.transpose(1, 2))
            back = back.view(count, len(inputs), -1)
            # tiles overlap
            part = x.new_zeros(frames, back.shape[2])
            for i, (columns, frames_in) in enumerate(inputs):
                part[frames_in].addmm_(
                    tiles.inputs[:, columns].t(), back[:, i]
                )
            grad_x[:, block] = part.view(frames, -1, width)
    grad_weight = None
    if to_weight:
        grad_weight = torch.einsum('pk,pcd->dck', tiles.weights, grad_kernel)
    return grad_x, grad_weight, grad_bias if to_bias else None


def _transform(matrix: Tensor, x: Tensor, sides: List[Side]) -> Tensor:
    """Each tile's side of the products: ``(P, tiles, rows x channels)``."""
    out = x.new_empty(len(matrix), len(sides), x.shape[1] * x.shape[2])
    for i, (columns, frames) in enumerate(sides):
        # an inner stride of one is all that a matrix product needs
        torch.mm(matrix[:, columns], x[frames].flatten(1), out=out[:, i])
    return out


def _kernel(tiles: Tiles, weight: Tensor) -> Tensor:
    return torch.einsum('pk,dck->pcd', tiles.weights, weight).contiguous()


def _blocks(rows: int, width: int) -> Iterator[slice]:
    size = max(1, BLOCK // width)
    for start in range(0, rows, size):
        yield slice(start, min(rows, start + size))


def _sides(
    frames: int, tiles: Tiles, taps: int, stride: int
) -> Tuple[List[Side], List[Side]]:
    """What each tile takes of the input, and gives of the output."""
    inputs, outputs = [], []
    step = tiles.step - tiles.step % stride
    for start in range(0, frames, step):
        stop = min(frames, start + step)
        # what lies outside the frames is zero, and is left out
        first = start - taps // 2
        begin, end = max(0, first), min(frames, first + tiles.length)
        inputs.append(
            Side(slice(begin - first, end - first), slice(begin, end))
        )
        outputs.append(
            Side(
                slice(0, stop - start, stride),
                slice(start // stride, -(-stop // stride)),
            )
        )
    return inputs, outputs


def _tiles(x: Tensor, weight: Tensor) -> Tiles:
    out_width, width, taps = weight.shape
    length = best_length(len(x), taps, width, out_width)
    inputs, weights, outputs = products(length, taps, x.dtype)
    return Tiles(length, length - taps + 1, inputs, weights, outputs)


@lru_cache(maxsize=256)
def best_length(frames: int, taps: int, width: int, out_width: int) -> int:
    """The tile's length that takes the fewest multiplications.

    Args:
        frames (int): How many there are.
        taps (int): Of the convolution.
        width (int): Channels that come in.
        out_width (int): Channels that go out.

    Returns:
        int: Even.
    """

    def cost(length: int) -> int:
        step = length - taps + 1
        count = 2 + 3 * (length // 2 - 1)
        each = width * out_width + length * width + step * out_width
        return -(-frames // step) * count * each

    # two outputs at least, for strides of two; more than all is of no use
    return min(range(taps + 1, frames + 2 * taps + 2, 2), key=cost)


@lru_cache(maxsize=64)
def products(
    length: int, taps: int, dtype: torch.dtype
) -> Tuple[Tensor, Tensor, Tensor]:
    """The three matrices ``B, A, C`` of ``y = C' [(A w) * (B x)]``.

    A correlation is, frequency by frequency, ``X conj(W)``. Of complex
    numbers it takes three real products (Gauss): with ``p = (Xr + Xi) Wr``,
    ``q = Xi (Wr - Wi)`` and ``r = Xr (Wr + Wi)`` it is
    ``(p - q) + i (p - r)``. The mean and the highest frequency are real.

    Args:
        length (int): Frames of a tile, even.
        taps (int): Of the convolution.
        dtype (torch.dtype): Of the matrices; they are computed in float64.

    Returns:
        tuple[Tensor, Tensor, Tensor]: ``(P, length)`` for the input,
        ``(P, taps)`` for the weights, ``(P, length - taps + 1)`` for the
        output, whose transpose is applied.
    """
    n, k, t = (np.arange(m) for m in (length, taps, length - taps + 1))
    inputs, weights, outputs = ([np.ones(len(m))] for m in (n, k, t))
    for frequency in range(1, length // 2):
        angle = 2 * np.pi * frequency / length
        (cn, sn), (ck, sk), (ct, st) = (
            (np.cos(angle * m), np.sin(angle * m)) for m in (n, k, t)
        )
        inputs += [cn - sn, -sn, cn]
        weights += [ck, ck + sk, ck - sk]
        outputs += [2 * (ct - st), -2 * ct, 2 * st]
    for rows, m in ((inputs, n), (weights, k), (outputs, t)):
        rows.append((-1.0) ** m)
    return (
        torch.tensor(np.array(inputs), dtype=dtype),
        torch.tensor(np.array(weights), dtype=dtype),
        torch.tensor(np.array(outputs) / length, dtype=dtype),
    )
