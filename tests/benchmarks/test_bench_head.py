"""The literal version beside ours, and what both are counted to cost."""

import importlib

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode


@pytest.fixture
def bench():
    return importlib.import_module('bench_head')


def test_both_versions_give_the_same_loss_and_gradient(bench):
    gradients = []
    losses = []
    for version in (bench.exact, bench.literal):
        head, features, distances = bench.problem(7, 'cpu')
        loss = version(head, features, distances)
        loss.backward()
        losses.append(loss.item())
        gradients.append(features.grad)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def test_the_literal_version_costs_what_is_counted(bench):
    head, features, distances = bench.problem(6, 'cpu')
    with FlopCounterMode(display=False) as counter:
        bench.literal(head, features, distances).backward()
    assert counter.get_total_flops() == bench.literal_flops(6)


def test_ours_multiplies_less_the_larger_the_batch(bench):
    shares = [
        bench.exact_flops(n) / bench.literal_flops(n) for n in (16, 64, 1024)
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 1e-4
