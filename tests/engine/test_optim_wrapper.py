"""bfloat16 training on the CPU."""

import pytest
import torch
from mmaction.models.heads import GCNHead
from mmaction.registry import OPTIM_WRAPPERS
from torch import nn
from torch.optim import SGD

from deeprank_mm.engine.optim_wrapper import CpuAmpOptimWrapper


def wrapped(model, **kwargs):
    return CpuAmpOptimWrapper(
        optimizer=SGD(model.parameters(), lr=0.1), **kwargs
    )


def test_is_registered():
    assert OPTIM_WRAPPERS.get('CpuAmpOptimWrapper') is CpuAmpOptimWrapper


def test_only_the_forward_pass_is_bfloat16():
    model = nn.Linear(3, 2)
    wrapper = wrapped(model)
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        out = model(torch.ones(4, 3))
    assert out.dtype == torch.bfloat16
    assert model(torch.ones(4, 3)).dtype == torch.float32
    wrapper.update_params(out.float().mean())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(model.weight, before)


def test_scores_of_a_stock_head_can_become_numpy():
    head = GCNHead(num_classes=2, in_channels=4)
    features = torch.ones(2, 1, 4, 3, 5)
    with wrapped(head).optim_context(head):
        scores = head(features)
    assert scores.dtype == torch.float32
    assert scores.requires_grad
    assert not head._forward_hooks


def test_hooks_are_removed_after_an_error():
    head = GCNHead(num_classes=2, in_channels=4)
    with pytest.raises(ZeroDivisionError), wrapped(head).optim_context(head):
        raise ZeroDivisionError
    assert not head._forward_hooks


def test_gradient_accumulation_is_the_base_class():
    model = nn.Linear(3, 2)
    wrapper = wrapped(model, accumulative_counts=2)
    before = model.weight.detach().clone()
    for step in range(2):
        with wrapper.optim_context(model):
            loss = model(torch.ones(4, 3)).float().mean()
        wrapper.update_params(loss)
        assert torch.equal(model.weight, before) == (step == 0)


def test_state_is_that_of_the_plain_wrapper():
    assert 'loss_scaler' not in wrapped(nn.Linear(1, 1)).state_dict()
