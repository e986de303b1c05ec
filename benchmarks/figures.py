"""How the figures of the benchmarks are written."""

from __future__ import annotations

from typing import Any


def show(value: Any) -> str:
    """A number with three digits, a spread with its extremes."""
    if isinstance(value, dict):
        median = show(value['median'])
        if value['min'] == value['max']:
            return median
        return f'{median} ({show(value["min"])} to {show(value["max"])})'
    if isinstance(value, float):
        if not value:
            return '0'
        if not 1e-3 <= abs(value) < 1e6:
            return f'{value:.2g}'
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
        return f'{value:,.{3 if abs(value) < 0.1 else digits}f}'
    if isinstance(value, int) and not isinstance(value, bool):
        return f'{value:,}'
    return '' if value is None else str(value)
