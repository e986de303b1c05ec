"""Profiles name what takes the time."""

import importlib
import sys

import pytest
import torch


def test_the_hottest_operator_is_named():
    module = importlib.import_module('hot_spots')
    one = torch.randn(300, 300)
    lines = module.hot_operators(lambda: [one @ one for _ in range(20)])
    assert 'aten::mm' in lines[0] and ' 20 calls' in lines[0]
    assert len(lines) <= 6


def slow_sum():
    return sum(i * i for i in range(200_000))


def test_the_hottest_function_is_named():
    module = importlib.import_module('hot_spots')
    lines = module.hot_functions(slow_sum, count=2)
    assert len(lines) == 2
    assert any('test_hot_spots.py' in line for line in lines)


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_peak_memory_is_what_a_call_adds():
    module = importlib.import_module('memory')
    # a block this large is always given back by the allocator
    small = module.peak_added(lambda: None)
    large = module.peak_added(lambda: torch.ones(32 << 20))
    assert small < 64
    assert 120 < large < 192
