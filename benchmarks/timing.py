"""What the benchmarks share: taking turns and telling the spread."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple


def take_turns(
    functions: Sequence[Callable[[], Any]], repeats: int
) -> List[Tuple[float, ...]]:
    """Seconds that functions take, in turns, after a warm-up of each.

    What else the machine does then slows all of them alike.
    """

    def seconds(function: Callable[[], Any]) -> float:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    for function in functions:
        function()
    return [tuple(seconds(f) for f in functions) for _ in range(repeats)]


def ratios(fast: Sequence[float], slow: Sequence[float]) -> Dict[str, float]:
    """How many times longer the second took: median and extremes."""
    each = [two / one for one, two in zip(fast, slow)]
    return dict(ratio=median(each), ratio_min=min(each), ratio_max=max(each))


def milliseconds(times: Sequence[float]) -> float:
    """Median in ms."""
    return 1e3 * median(times)


def write_json(path: Optional[str], rows: Any) -> None:
    """Write results where a path is given."""
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(rows, indent=2) + '\n')
