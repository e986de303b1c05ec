import pytest
import torch
import torch.nn.functional as F

from deeprank_mm.models.layers import temporal_convolution
from deeprank_mm.models.layers.temporal_convolution import (
    best_length,
    products,
)


def direct(x, weight, bias=None, stride=1):
    """``conv1d`` of ``(T, R, C)``."""
    out = F.conv1d(
        x.permute(1, 2, 0),
        weight,
        bias,
        stride=stride,
        padding=weight.shape[2] // 2,
    )
    return out.permute(2, 0, 1)


def case(frames, taps=9, rows=6, width=5, out_width=4, dtype=torch.float64):
    return tuple(
        torch.randn(*shape, dtype=dtype, requires_grad=True)
        for shape in (
            (frames, rows, width),
            (out_width, width, taps),
            (out_width,),
        )
    )


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('taps', [1, 3, 9])
@pytest.mark.parametrize('frames', [1, 2, 7, 20, 21, 64, 300])
def test_is_the_convolution(frames, taps, stride):
    args = case(frames, taps)
    y, expected = (f(*args, stride) for f in (temporal_convolution, direct))
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
    with torch.no_grad():
        assert torch.equal(temporal_convolution(*args, stride), y)
    upstream = torch.randn_like(y)
    for got, wanted in zip(
        torch.autograd.grad(y, args, upstream),
        torch.autograd.grad(expected, args, upstream),
    ):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


def test_what_needs_no_gradient_gets_none():
    x, weight, bias = case(20)
    temporal_convolution(x.detach(), weight, bias.detach()).sum().backward()
    assert weight.grad is not None and bias.grad is None
    weight.grad = None
    temporal_convolution(x, weight.detach()).sum().backward()
    assert x.grad is not None and weight.grad is None


def test_more_rows_than_a_block():
    args = case(10, rows=20_000, width=1, out_width=1)
    torch.testing.assert_close(temporal_convolution(*args), direct(*args))


@pytest.mark.parametrize('frames, width', [(120, 64), (30, 256), (8, 64)])
def test_rounding_is_no_worse_than_the_direct_one_s(frames, width):
    args = case(frames, 9, 20, width, width, torch.float32)
    exact = direct(*(each.double() for each in args))
    ours, theirs = (
        (f(*args) - exact).abs().max() for f in (temporal_convolution, direct)
    )
    assert ours <= 2 * theirs
    assert ours / exact.abs().max() < 1e-6


@pytest.mark.parametrize('frames', [1, 4, 20, 120, 300])
def test_multiplications_are_saved(frames):
    length = best_length(frames, 9, 64, 64)
    assert length % 2 == 0
    step = length - 8
    count = len(products(length, 9, torch.float32)[0])
    tiles = -(-frames // step)
    assert tiles * count <= 9 * frames or frames < 9
