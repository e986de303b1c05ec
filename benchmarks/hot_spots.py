"""Where the time goes: the top lines of a profile, for targets missed."""

from __future__ import annotations

import cProfile
import pstats
from pathlib import Path
from typing import Any, Callable, List

from torch.profiler import ProfilerActivity, profile


def hot_operators(
    function: Callable[[], Any], device: str = 'cpu', count: int = 6
) -> List[str]:
    """The operators of torch by the time that they take themselves."""
    activities = [ProfilerActivity.CPU]
    if device != 'cpu':
        activities.append(ProfilerActivity.CUDA)
    function()
    with profile(activities=activities) as run:
        function()
    kind = 'cpu' if device == 'cpu' else 'device'
    times = {
        event.key: (getattr(event, f'self_{kind}_time_total'), event.count)
        for event in run.key_averages()
    }
    return _lines(times, count)


def hot_functions(function: Callable[[], Any], count: int = 6) -> List[str]:
    """The functions of Python by the time that they take themselves."""
    run = cProfile.Profile()
    run.runcall(function)
    times = {
        f'{Path(file).name}:{name}' if line else name: (own, calls)
        for (file, line, name), (_, calls, own, *_) in pstats.Stats(
            run
        ).stats.items()
    }
    return _lines(times, count)


def _lines(times: dict, count: int) -> List[str]:
    total = sum(own for own, _ in times.values()) or 1
    top = sorted(times.items(), key=lambda item: -item[1][0])[:count]
    return [
        f'{100 * own / total:4.1f} % in {calls} calls: {name}'
        for name, (own, calls) in top
    ]
