"""Two ways to one result."""

import pytest
import torch
from torch import nn

from deeprank_mm.models.backbones import tuple_mixing


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors: threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def both(length, taps, heads=2, dtype=torch.float64):
    x = torch.randn(3, 4, 2, length, dtype=dtype, requires_grad=True)
    attention = torch.randn(3, heads, length, length, dtype=dtype)
    attention.requires_grad_()
    conv = nn.Conv2d(4 * heads, 5, (1, taps), padding=(0, taps // 2))
    conv.to(dtype)
    inputs = (x, attention, conv.weight, conv.bias)
    outputs = [
        way(x, attention, conv)
        for way in (tuple_mixing._direct, tuple_mixing._spectral)
    ]
    return inputs, outputs


@pytest.mark.parametrize('taps', [1, 3, 5, 9])
@pytest.mark.parametrize('length', [1, 2, 29, 30, 31, 61, 150])
def test_both_ways_agree_in_value_and_gradient(length, taps):
    inputs, (direct, spectral) = both(length, taps)
    torch.testing.assert_close(spectral, direct)
    weight = torch.randn_like(direct)
    for ours, theirs in zip(
        torch.autograd.grad(spectral, inputs, weight),
        torch.autograd.grad(direct, inputs, weight),
    ):
        torch.testing.assert_close(ours, theirs)


def test_single_precision_is_kept():
    _, (direct, spectral) = both(150, 5, dtype=torch.float32)
    error = (direct - spectral).abs().max() / direct.abs().max()
    assert error < 3e-6


def test_direct_is_the_formula():
    x = torch.randn(2, 3, 4, 6)
    attention = torch.randn(2, 2, 6, 6)
    conv = nn.Conv2d(6, 5, (1, 3), padding=(0, 1))
    mixed = torch.einsum('nctu,nhuv->nhctv', x, attention).flatten(1, 2)
    torch.testing.assert_close(
        tuple_mixing.mix_tuples(x, attention, conv), conv(mixed)
    )


@pytest.mark.parametrize(
    'shape, dtype, taps, pays',
    [
        ((8, 256, 10, 150), torch.float32, 5, True),
        ((1, 256, 10, 150), torch.float32, 5, False),
        ((8, 64, 10, 150), torch.float32, 5, False),
        ((8, 256, 10, 150), torch.bfloat16, 5, False),
        ((8, 256, 10, 150), torch.float32, 3, False),
        ((8, 256, 10, 25), torch.float32, 5, False),
    ],
)
def test_the_spectral_way_is_taken_where_it_pays(shape, dtype, taps, pays):
    x = torch.empty(shape, dtype=dtype)
    conv = nn.Conv2d(3, shape[1], (1, taps))
    assert tuple_mixing._spectral_pays(x, conv) is pays
