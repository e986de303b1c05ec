import copy

import pytest
import torch
from mmaction.models.backbones.stgcn import STGCN
from torch import nn

from deeprank_mm.models.backbones import FastSTGCN, fast_stgcn


def pair(dtype=torch.float64, **kwargs):
    """Stock and fast, with the same weights, none of them zero or one."""
    args = dict(
        graph_cfg=dict(layout='coco', mode='stgcn_spatial'),
        base_channels=8,
        num_stages=4,
        inflate_stages=[3],
        down_stages=[3],
        **kwargs,
    )
    stock, fast = STGCN(**args), FastSTGCN(**args)
    for parameter in stock.parameters():
        nn.init.uniform_(parameter, -1.0, 1.0)
    fast.load_state_dict(stock.state_dict())
    return stock.to(dtype), fast.to(dtype)


def skeletons(frames=20, people=2, dtype=torch.float64):
    return torch.randn(3, people, frames, 17, 3, dtype=dtype)


def results(model, x):
    """Output, gradients, and what is remembered of the batch."""
    x = x.clone().requires_grad_()
    y = model(x)
    model.zero_grad()
    weights = torch.linspace(0, 1, y.numel(), dtype=y.dtype).view(y.shape)
    (y.square() * weights).sum().backward()
    named = dict(model.named_parameters())
    return dict(
        output=y.detach(),
        x=x.grad,
        **{f'grad of {name}': each.grad for name, each in named.items()},
        **copy.deepcopy(dict(model.named_buffers())),
    )


def assert_same(stock, fast, x, **tolerance):
    wanted, got = results(stock, x), results(fast, x)
    assert wanted.keys() == got.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(
            got[name],
            value,
            msg=lambda text, name=name: f'{name}: {text}',
            **tolerance,
        )


@pytest.mark.parametrize('adaptive', [None, 'init', 'offset', 'importance'])
@pytest.mark.parametrize('position', ['pre', 'post'])
def test_is_st_gcn(adaptive, position):
    models = pair(gcn_adaptive=adaptive, gcn_conv_pos=position)
    assert_same(*models, skeletons(), rtol=1e-7, atol=1e-7)
    for model in models:
        model.eval()
    assert_same(*models, skeletons(), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize('frames', [1, 2, 9, 33])
@pytest.mark.parametrize('kind', ['VC', 'MVC'])
def test_frames_and_persons(frames, kind):
    models = pair(data_bn_type=kind)
    assert_same(*models, skeletons(frames), rtol=1e-7, atol=1e-7)


def test_float32_at_the_size_of_the_paper():
    args = dict(graph_cfg=dict(layout='nturgb+d', mode='stgcn_spatial'))
    stock, fast = STGCN(**args), FastSTGCN(**args)
    fast.load_state_dict(stock.state_dict())
    x = torch.randn(1, 2, 60, 25, 3)
    with torch.no_grad():
        wanted, got = stock(x), fast(x)
    assert (got - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_dropout_is_applied():
    _, fast = pair(tcn_dropout=0.5)
    x = skeletons()
    assert not torch.equal(fast(x), fast(x))
    fast.eval()
    assert torch.equal(fast(x), fast(x))


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(gcn_with_res=True),
        dict(tcn_type='mstcn'),
        dict(tcn_dilation=2),
        dict(tcn_norm='IN2d'),
        dict(gcn_norm='IN2d'),
    ],
    ids=str,
)
def test_other_blocks_are_the_stock_model_s(kwargs):
    stock, fast = pair(**kwargs)
    x = skeletons()
    assert torch.equal(stock(x), fast(x))


@pytest.mark.parametrize('bfloat16', [True, False])
def test_under_autocast(monkeypatch, bfloat16):
    """The stock model where the CPU gains by it, else float32's results."""
    monkeypatch.setattr(fast_stgcn, '_has_bfloat16', lambda: bfloat16)
    stock, fast = (model.eval() for model in pair(torch.float32))
    x = skeletons(dtype=torch.float32)
    with torch.autocast('cpu', torch.bfloat16):
        rough, got = stock(x), fast(x)
    if bfloat16:
        assert torch.equal(got, rough)
    else:
        assert torch.equal(got, fast(x))


def test_a_traced_model_is_plain():
    stock, fast = (model.eval() for model in pair())
    x = skeletons()
    traced = torch.jit.trace(fast, x)
    torch.testing.assert_close(traced(x), stock(x))
    # of torch's own operations, for any number of frames
    assert 'aten::_convolution' in str(traced.inlined_graph)
