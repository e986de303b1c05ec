"""Functions take turns, and spreads tell their extremes."""

import importlib

import pytest


@pytest.fixture
def timing():
    return importlib.import_module('timing')


def test_functions_take_turns_after_a_warm_up(timing):
    calls = []
    functions = [lambda: calls.append('a'), lambda: calls.append('b')]
    turns = timing.take_turns(functions, 3)
    assert calls == ['a', 'b'] * 4
    assert len(turns) == 3 and all(len(turn) == 2 for turn in turns)
    assert all(time >= 0 for turn in turns for time in turn)


def test_without_a_warm_up_the_first_turn_is_measured(timing):
    calls = []
    timing.take_turns([lambda: calls.append(1)], 2, warm_up=False)
    assert len(calls) == 2


def test_no_turn_begins_after_the_time_is_over(timing, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing.time, 'perf_counter', lambda: now[0])

    def slow():
        now[0] += 4

    assert timing.take_turns([slow], 9, seconds=10) == [(4,)] * 3
    assert len(timing.take_turns([slow], 9, seconds=1)) == 1
    assert len(timing.take_turns([slow], 9)) == 9


def test_spreads_and_quotients(timing):
    assert timing.spread([3, 1, 2], 10) == dict(median=20, min=10, max=30)
    assert timing.quotients([2, 9, 8], [1, 3, 2]) == dict(
        median=3, min=2, max=4
    )
