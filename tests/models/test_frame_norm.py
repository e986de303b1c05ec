import copy

import pytest
import torch
from torch import nn

from deeprank_mm.models.layers import frame_norm


def usual(layer, x):
    return layer(x.flatten(0, 1)).view_as(x)


@pytest.fixture(params=[0.1, None])
def layers(request):
    layer = nn.BatchNorm1d(5, momentum=request.param).double()
    nn.init.uniform_(layer.weight)
    nn.init.uniform_(layer.bias)
    return layer, copy.deepcopy(layer)


@pytest.mark.parametrize('training', [True, False])
def test_is_batch_norm(layers, training):
    for step in range(2):
        x = 3 * torch.randn(7, 4, 5, dtype=torch.float64) + 10
        results = []
        for function, layer in zip((frame_norm, usual), layers):
            layer.train(training or step == 0)
            x = x.detach().clone().requires_grad_()
            y = function(layer, x)
            layer.zero_grad()
            y.pow(3).sum().backward()
            results.append(
                [y, x.grad, layer.weight.grad, layer.bias.grad]
                + list(layer.state_dict().values())
            )
        for got, wanted in zip(*results):
            torch.testing.assert_close(got, wanted)


def test_without_running_statistics():
    layer = nn.BatchNorm1d(3, track_running_stats=False).eval()
    x = torch.randn(6, 2, 3)
    torch.testing.assert_close(frame_norm(layer, x), usual(layer, x))


def test_one_value_a_channel_is_torch_s_error():
    with pytest.raises(ValueError, match='more than 1 value per channel'):
        frame_norm(nn.BatchNorm1d(3), torch.randn(1, 1, 3))


def test_the_result_may_be_changed_in_place():
    layer = nn.BatchNorm1d(3)
    x = torch.randn(6, 2, 3, requires_grad=True)
    changed = frame_norm(layer, x).add_(1).relu_()
    changed = torch.autograd.grad(changed.square().sum(), x)
    expected = usual(layer, x).add(1).relu()
    expected = torch.autograd.grad(expected.square().sum(), x)
    torch.testing.assert_close(changed, expected)


def test_many_rows_are_summed_exactly():
    layer = nn.BatchNorm1d(4)
    x = 2 * torch.randn(64, 1000, 4) + 1
    exact = usual(copy.deepcopy(layer).double(), x.double())
    assert (frame_norm(layer, x) - exact).abs().max() < 1e-5
