"""Convolution over time with a fraction of the multiplications."""

from __future__ import annotations

from functools import lru_cache
from typing import Iterator, NamedTuple, Optional, Tuple

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


class Span(NamedTuple):
    """A tile's frames: of the output, of the input, of the tile itself."""

    out: slice
    into: slice
    tile: slice


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
    spans = list(_spans(frames, tiles, weight.shape[2], stride))
    kernel = _kernel(tiles, weight)  # (P, C, D)
    count, _, out_width = kernel.shape
    y = x.new_empty(-(-frames // stride), rows, out_width)
    for block in _blocks(rows, max(width, out_width)):
        taken = _transform(tiles.inputs, x[:, block], spans, stride=None)
        product = torch.bmm(taken.view(count, -1, width), kernel)
        product = product.view(count, len(spans), -1)
        if bias is not None:
            # the first product is the tile's mean; L undoes its 1 / L
            first = product[0].view(-1, out_width)
            first.add_(bias, alpha=tiles.length)
        for i, span in enumerate(spans):
            matrix = _rows_of(tiles.outputs, span.out, stride).t()
            part = torch.mm(matrix, product[:, i])
            y[_strided(span.out, stride), block] = part.view(
                len(part), -1, out_width
            )
    return y


def _backward(
    ctx, grad: Tensor
) -> Tuple[Optional[Tensor], Optional[Tensor], Optional[Tensor]]:
    x, weight = ctx.saved_tensors
    stride = ctx.stride
    frames, rows, width = x.shape
    tiles = _tiles(x, weight)
    spans = list(_spans(frames, tiles, weight.shape[2], stride))
    kernel = _kernel(tiles, weight)
    count, _, out_width = kernel.shape
    to_x, to_weight, to_bias = ctx.needs_input_grad[:3]
    grad_x = torch.zeros_like(x) if to_x else None
    grad_kernel = torch.zeros_like(kernel)
    grad_bias = x.new_zeros(out_width)
    for block in _blocks(rows, max(width, out_width)):
        back = _transform(tiles.outputs, grad[:, block], spans, stride)
        back = back.view(count, -1, out_width)
        if to_weight:
            taken = _transform(tiles.inputs, x[:, block], spans, stride=None)
            taken = taken.view(count, -1, width)
            grad_kernel.baddbmm_(taken.transpose(1, 2), back)
        if to_bias:
            grad_bias.add_(back[0].sum(0), alpha=tiles.length)
        if grad_x is not None:
            back = torch.bmm(back, kernel.transpose(1, 2))
            back = back.view(count, len(spans), -1)
            # tiles overlap
            part = x.new_zeros(frames, back.shape[2])
            for i, span in enumerate(spans):
                matrix = tiles.inputs[:, span.tile].t()
                part[span.into].addmm_(matrix, back[:, i])
            grad_x[:, block] = part.view(frames, -1, width)
    grad_weight = torch.einsum('pk,pcd->dck', tiles.weights, grad_kernel)
    return (
        grad_x,
        grad_weight if to_weight else None,
        grad_bias if to_bias else None,
    )


def _transform(
    matrix: Tensor, x: Tensor, spans: list, stride: Optional[int]
) -> Tensor:
    """Each tile's products' side: ``(P, tiles, rows x channels)``.

    With a stride ``x`` is of the output's frames, else of the input's.
    """
    out = x.new_empty(len(matrix), len(spans), x.shape[1] * x.shape[2])
    for i, span in enumerate(spans):
        if stride is None:
            side, part = matrix[:, span.tile], x[span.into]
        else:
            side = _rows_of(matrix, span.out, stride)
            part = x[_strided(span.out, stride)]
        # an inner stride of one is all that a matrix product needs
        torch.mm(side, part.flatten(1), out=out[:, i])
    return out


def _rows_of(outputs: Tensor, out: slice, stride: int) -> Tensor:
    return outputs[:, : out.stop - out.start : stride]


def _strided(out: slice, stride: int) -> slice:
    return slice(out.start // stride, -(-out.stop // stride))


def _kernel(tiles: Tiles, weight: Tensor) -> Tensor:
    return torch.einsum('pk,dck->pcd', tiles.weights, weight).contiguous()


def _blocks(rows: int, width: int) -> Iterator[slice]:
    size = max(1, BLOCK // width)
    for start in range(0, rows, size):
        yield slice(start, min(rows, start + size))


def _spans(
    frames: int, tiles: Tiles, taps: int, stride: int
) -> Iterator[Span]:
    step = tiles.step - tiles.step % stride
    for start in range(0, frames, step):
        # what lies outside the frames is zero, and is left out
        first = start - taps // 2
        into = slice(max(0, first), min(frames, first + tiles.length))
        yield Span(
            slice(start, min(frames, start + step)),
            into,
            slice(into.start - first, into.stop - first),
        )


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
