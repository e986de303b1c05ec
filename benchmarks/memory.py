"""How much memory a computation adds at its peak."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional

import torch

STATUS = Path('/proc/self/status')  # of Linux


def resident(name: str) -> float:
    """A memory figure of this process in MB: VmRSS, or its peak VmHWM."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f'{STATUS} has no {name}.')


def process_peak(device: str = 'cpu') -> Optional[float]:
    """MB that this process has held at most, or on the GPU."""
    if device != 'cpu':
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resident('VmHWM') if STATUS.exists() else None


def peak_added(function: Callable[[], Any], device: str = 'cpu') -> float:
    """MB that a call adds at its peak: of the process, or on the GPU.

    On a CPU a process that has freed memory may have kept it, which hides
    what a later call takes: measure in a fresh one, with
    ``MALLOC_MMAP_THRESHOLD_=65536`` in its environment, which has glibc
    give large blocks back at once. Linux alone tells the peak.
    """
    if device != 'cpu':
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        function()
        torch.cuda.synchronize(device)
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    Path('/proc/self/clear_refs').write_text('5')  # the peak starts anew
    before = resident('VmRSS')
    function()
    return resident('VmHWM') - before
