"""What the benchmarks share: taking turns and telling the spread."""

from __future__ import annotations

import time
from statistics import median
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import torch

# Of numbers: their median and extremes.
Spread = Dict[str, float]


def take_turns(
    functions: Sequence[Callable[[], Any]],
    repeats: int,
    device: str = 'cpu',
    seconds: Optional[float] = None,
    warm_up: bool = True,
) -> List[Tuple[float, ...]]:
    """Seconds that functions take, in turns, after a warm-up of each.

    What else the machine does then slows all of them alike. On a GPU the
    clock waits for it.

    Args:
        functions: What is measured.
        repeats: How many turns at most.
        device: Where they compute.
        seconds: No turn begins later than this; there is always one.
        warm_up: Whether each function runs once before.

    Returns:
        For each turn the time of each function.
    """

    def timed(function: Callable[[], Any]) -> float:
        synchronise(device)
        start = time.perf_counter()
        function()
        synchronise(device)
        return time.perf_counter() - start

    if warm_up:
        for function in functions:
            function()
    begin = time.perf_counter()
    turns = []
    for _ in range(repeats):
        turns.append(tuple(timed(function) for function in functions))
        if seconds and time.perf_counter() - begin > seconds:
            break
    return turns


def synchronise(device: str) -> None:
    """Wait until a GPU has done what it was told."""
    if device != 'cpu':
        torch.cuda.synchronize(device)


def spread(values: Sequence[float], scale: float = 1.0) -> Spread:
    """Median and extremes."""
    return dict(
        median=scale * median(values),
        min=scale * min(values),
        max=scale * max(values),
    )


def quotients(above: Sequence[float], below: Sequence[float]) -> Spread:
    """How many times longer the first took, turn by turn."""
    return spread([one / two for one, two in zip(above, below)])
