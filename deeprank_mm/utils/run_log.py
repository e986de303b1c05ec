"""What a run logged: its curves, and where labels were refreshed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Union

from .usage import UsageError

# By the time at which it was logged.
Series = Dict[float, float]
_NO_CURVES = ('data_time', 'time', 'memory', 'lr', 'epoch', 'iter', 'step')


@dataclass(frozen=True)
class RunLog:
    """Scalars of a run.

    Attributes:
        train (dict[str, dict[float, float]]): What training logged.
        val (dict[str, dict[float, float]]): What validation gave.
        cycles (dict[str, dict[float, float]]): What a refresh said, without
            ``cycle/``.
        refreshes (list[float]): When labels were refreshed.
        unit (str): Of time, ``'epoch'`` or ``'iteration'``.
    """

    train: Dict[str, Series]
    val: Dict[str, Series]
    cycles: Dict[str, Series]
    refreshes: List[float]
    unit: str


def read_run(work_dir: str) -> RunLog:
    """Read the scalars of a run, of all its resumed parts.

    Args:
        work_dir (str): Its work directory.

    Returns:
        RunLog: The later write of a step counts.

    Raises:
        UsageError: There are none.
    """
    lines = list(read_scalars(work_dir))
    training = [line for line in lines if 'iter' in line and 'loss' in line]
    if not training:
        raise UsageError(
            f'{work_dir} holds no log of a training run: name its work '
            'directory, with a folder */vis_data/scalars.json in it.'
        )
    # the last log of an epoch has its number of iterations
    epochs = [line for line in training if 'epoch' in line]
    length = max((i['iter'] / i['epoch'] for i in epochs), default=1.0)
    log = RunLog({}, {}, {}, [], 'epoch' if epochs else 'iteration')
    for line in lines:
        time = line['step']
        if any(key.startswith('cycle/') for key in line):
            place, time = log.cycles, time / length
        elif 'iter' in line:
            place, time = log.train, time / length
        else:
            place = log.val
        for key, value in line.items():
            if key not in _NO_CURVES:
                name = key[len('cycle/') :] if place is log.cycles else key
                place.setdefault(name, {})[time] = value
    for series in (*log.train.values(), *log.val.values()):
        _sort(series)
    log.refreshes.extend(sorted(log.cycles.get('seconds', {})))
    return log


def read_scalars(work_dir: Union[str, Path]) -> Iterator[dict]:
    """What a run's visualizer wrote, in the order of its starts.

    Args:
        work_dir (str or Path): Its work directory.

    Yields:
        dict: Values of one ``step``; half a line is left out.
    """
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for text in path.read_text().splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue  # a killed run may leave half a line
            if isinstance(line, dict) and 'step' in line:
                yield line


def _sort(series: Series) -> None:
    ordered = sorted(series.items())
    series.clear()
    series.update(ordered)
