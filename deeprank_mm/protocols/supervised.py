"""Finetuning and semi-supervised runs of a benchmark."""

from __future__ import annotations

import copy
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, TextIO, Tuple

from mmengine.config import Config
from mmengine.dist import get_rank

from deeprank_mm.utils import launch
from deeprank_mm.utils.run_log import read_scalars
from deeprank_mm.utils.runner import build_runner

from .cells import Cell, number_of

TOP1 = 'acc/top1'


def configure(cfg: Config, cell: Cell, folder: Path) -> Config:
    """The config of a cell's run.

    Args:
        cfg (Config): A finetuning config.
        cell (Cell): The cell.
        folder (Path): Where it lives.

    Returns:
        Config: A changed copy.
    """
    cfg = copy.deepcopy(cfg)  # `Config.copy` is shallow
    launch.set_modality(cfg, cell.modality)
    launch.set_pretrained(cfg, cell.checkpoint or 'none')
    launch.set_seed(cfg, cell.seed)
    if cell.protocol.startswith('semi'):
        cfg.train_dataloader.dataset.labelled = dict(
            fraction=number_of(cell.protocol), seed=cell.seed
        )
    launch.dump_predictions(cfg, str(folder / 'predictions.pkl'))
    cfg.work_dir = str(folder)
    cfg.experiment_name = folder.name
    # an interrupted run goes on; one that has not begun starts
    cfg.resume = True
    return cfg


def run(cfg: Config, cell: Cell, folder: Path) -> Tuple[float, float]:
    """Train, then test the last epoch.

    Args:
        cfg (Config): A finetuning config.
        cell (Cell): The cell.
        folder (Path): Where it lives; what is printed goes to
            ``output.txt`` there.

    Returns:
        tuple[float, float]: Top-1 on the test split, of the last and of the
        best validated epoch.

    Raises:
        RuntimeError: The run failed; the message says where its output is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rank = get_rank()
    output = folder / (f'output_{rank}.txt' if rank else 'output.txt')
    try:
        with _printing_to(output):
            runner = build_runner(configure(cfg, cell, folder))
            runner.train()
            last = runner.test()[TOP1]
    except Exception as error:
        raise RuntimeError(
            f'{cell} failed: {error} (its output: {output})'
        ) from error
    validations = read_validations(folder)
    return last, max([last, *(v[TOP1] for v in validations.values())])


def read_validations(work_dir: Path) -> Dict[int, Dict[str, float]]:
    """What each validation of a run gave, resumed parts included.

    Args:
        work_dir (Path): Work directory of the run.

    Returns:
        dict[int, dict[str, float]]: Metrics by step; the last write of a
        step counts.
    """
    return {
        values['step']: values
        for values in read_scalars(work_dir)
        if TOP1 in values
    }


class _Stream:
    """A stream whose end can be moved.

    Loggers keep the stream they found when they were made, and outlive the
    run whose output they wrote.
    """

    def __init__(self, target: TextIO) -> None:
        self.target = target

    def __getattr__(self, name: str):
        return getattr(self.target, name)


@contextmanager
def _printing_to(path: Path) -> Iterator[None]:
    """Send what is printed to a file."""
    streams = sys.stdout, sys.stderr
    with open(path, 'a', buffering=1) as file:
        sys.stdout, sys.stderr = moved = _Stream(file), _Stream(file)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams
            # not to `streams`, which may be a progress bar's and end with it
            for stream, target in zip(moved, (sys.__stdout__, sys.__stderr__)):
                stream.target = target


def command(cell: Cell, config: str, folder: Path) -> str:
    """What trains this cell alone.

    Args:
        cell (Cell): The cell.
        config (str): Path of the config.
        folder (Path): Work directory.

    Returns:
        str: A command line.
    """
    parts = [
        'python tools/train.py',
        config,
        f'--pretrained {cell.checkpoint or "none"}',
        f'--modality {cell.modality}',
        f'--seed {cell.seed}',
        f'--work-dir {folder}',
    ]
    if cell.protocol.startswith('semi'):
        key = 'train_dataloader.dataset.labelled'
        parts.append(
            f'--cfg-options {key}.fraction={number_of(cell.protocol):g} '
            f'{key}.seed={cell.seed}'
        )
    return ' '.join(parts)
