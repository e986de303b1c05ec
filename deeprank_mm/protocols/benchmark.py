"""Every protocol asked for, cheapest first, into one table."""

from __future__ import annotations

import copy
import hashlib
import json
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import mmaction
import mmengine
import numpy
import sklearn
import torch
from mmengine.config import Config
from mmengine.dist import (
    barrier,
    broadcast_object_list,
    is_distributed,
    is_main_process,
)
from rich.progress import Progress

import deeprank_mm
from deeprank_mm.evaluation.fusion import accuracies, fuse
from deeprank_mm.evaluation.predictions import Predictions
from deeprank_mm.utils.usage import UsageError

from . import frozen, supervised
from .cells import ENSEMBLE, Cell, Result, Store, plan, write_text
from .sources import UNTRAINED, Source, training_seconds
from .table import Entry, as_csv, compare, page


def versions() -> Dict[str, str]:
    """What the figures were made with.

    Returns:
        dict[str, str]: Versions by name.
    """
    return dict(
        python=platform.python_version(),
        deeprank_mm=deeprank_mm.__version__,
        torch=torch.__version__,
        mmengine=mmengine.__version__,
        mmaction2=mmaction.__version__,
        numpy=numpy.__version__,
        sklearn=sklearn.__version__,
        threads=str(torch.get_num_threads()),
    )


def revision() -> Optional[str]:
    """The commit of the source tree, marked if it has been changed.

    Returns:
        str, optional: None outside of a git checkout.
    """
    call = subprocess.run(
        ['git', 'describe', '--always', '--dirty', '--abbrev=12'],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return call.stdout.strip() or None if call.returncode == 0 else None


class Benchmark:
    """Runs cells, keeps what is finished, and makes the table.

    Args:
        config (str): A finetuning config: backbone, data and schedule.
        out (Path): Folder of cells and tables.
        sources (Sequence[Source]): The rows.
        protocols (Sequence[str]): From :func:`.parse_protocols`.
        modalities (Sequence[str]): The streams; with several, their
            ensemble is a section of its own.
        seeds (Sequence[int]): The repetitions.
        semi_config (str, optional): For the semi-supervised cells. Defaults
            to ``config``.
        options (dict, optional): Settings that override the configs'.
        baseline (str, optional): The row that others are compared with.
            Defaults to the untrained one of each protocol.
        launcher (str): As of ``tools/train.py``. Defaults to ``'none'``.
        title (str, optional): Of the table. Defaults to the config's name.
    """

    def __init__(
        self,
        config: str,
        out: Path,
        sources: Sequence[Source],
        protocols: Sequence[str],
        modalities: Sequence[str],
        seeds: Sequence[int],
        semi_config: Optional[str] = None,
        options: Optional[dict] = None,
        baseline: Optional[str] = None,
        launcher: str = 'none',
        title: Optional[str] = None,
    ) -> None:
        self.title = title or Path(config).stem
        self.paths = dict(finetune=config, semi=semi_config or config)
        self.cfgs = {}
        for name, path in self.paths.items():
            cfg = Config.fromfile(path)
            cfg.merge_from_dict(options or {})
            cfg.launcher = launcher
            self.cfgs[name] = cfg
        self.out = Path(out).resolve()
        self.sources = list(sources)
        self.cells = plan(sources, protocols, modalities, seeds)
        self.modalities = list(modalities)
        untrained = [UNTRAINED['random'], UNTRAINED['scratch']]
        self.baselines = [baseline] if baseline else untrained
        self.stores = {k: self._store(cfg) for k, cfg in self.cfgs.items()}
        cfg = self.cfgs['finetune']
        self.cache = frozen.FeatureCache(cfg, self.out, self._context(cfg))
        self._ensemble: Dict[tuple, float] = {}

    @staticmethod
    def _context(cfg: Config) -> str:
        """What a cell depends on beside its weights: config and data."""
        content = copy.deepcopy(cfg)
        for key in ('work_dir', 'launcher'):
            content.pop(key, None)
        digest = hashlib.sha256(content.pretty_text.encode())
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            path = loader.dataset.get('ann_file')
            if path is None or not Path(path).is_file():
                raise UsageError(
                    f'{cfg.filename}: its annotation file {path} does not '
                    'exist; prepare the data first (tools/data/).'
                )
            digest.update(Path(path).read_bytes())
        return digest.hexdigest()

    def _store(self, cfg: Config) -> Store:
        return Store(self.out, self._context(cfg))

    def _kind(self, cell: Cell) -> str:
        return 'semi' if cell.protocol.startswith('semi') else 'finetune'

    def store(self, cell: Cell) -> Store:
        """Where the results of a cell's kind are kept.

        Args:
            cell (Cell): The cell.

        Returns:
            Store: The store.
        """
        return self.stores[self._kind(cell)]

    def run(self) -> List[str]:
        """Run what is not finished; one failure does not stop the others.

        Under a launcher it does: no process waits for another's error.

        Returns:
            list[str]: What failed.

        Raises:
            Exception: Of a cell, with several processes.
        """
        # one view of what is finished, for all processes
        pending = [[c for c in self.cells if self.store(c).read(c) is None]]
        broadcast_object_list(pending)
        failed = []
        with Progress(disable=not is_main_process()) as progress:
            task = progress.add_task('', total=len(self.cells))
            progress.advance(task, len(self.cells) - len(pending[0]))
            for cell in pending[0]:
                progress.update(task, description=str(cell))
                try:
                    self._run(cell)
                except Exception as error:
                    if is_distributed():
                        # the other processes may wait in a collective: let
                        # the launcher end them, with this message
                        raise
                    failed.append(f'{cell}: {error}')
                    progress.console.print(f'[red]failed[/red] {failed[-1]}')
                progress.advance(task)
                self.write()
        self.write()
        return failed

    def _run(self, cell: Cell) -> None:
        begin = time.time()
        store = self.store(cell)
        folder = store.folder(cell)
        if cell.frozen:
            predictions = frozen.predict_frozen(cell, *self.cache.banks(cell))
            if is_main_process():
                folder.mkdir(parents=True, exist_ok=True)
                predictions.save(str(store.predictions(cell)))
            accuracy, best = accuracies(predictions)['top1'], None
        else:
            accuracy, best = supervised.run(
                self.cfgs[self._kind(cell)], cell, folder
            )
        if is_main_process():
            store.write(
                cell,
                Result(
                    accuracy, best, time.time() - begin, self._command(cell)
                ),
            )
        barrier()

    def _command(self, cell: Cell) -> str:
        if cell.frozen:
            return ''
        return supervised.command(
            cell,
            self.paths[self._kind(cell)],
            self.store(cell).folder(cell),
        )

    def entries(self) -> List[Entry]:
        """The table's numbers, of the cells that are finished.

        Returns:
            list[Entry]: With differences to the baseline.
        """
        found: Dict[tuple, Entry] = {}
        for cell in self.cells:
            result = self.store(cell).read(cell)
            if result is None:
                continue
            key = cell.modality, cell.source.name, cell.protocol
            entry = found.setdefault(key, Entry(key[1], key[0], key[2], {}))
            entry.accuracy[cell.seed] = result.accuracy
            if result.best is not None:
                entry.best[cell.seed] = result.best
            entry.seconds += result.seconds
            self._note_pretraining(entry, [cell])
        if len(self.modalities) > 1:
            found.update(self._ensembles())
        order = [*self.modalities, ENSEMBLE]
        rows = [source.name for source in self.sources]
        protocols = list(dict.fromkeys(c.protocol for c in self.cells))
        ordered = sorted(
            found.values(),
            key=lambda e: (
                order.index(e.modality),
                protocols.index(e.protocol),
                rows.index(e.row),
            ),
        )
        return compare(ordered, self.baselines)

    def _ensembles(self) -> Dict[tuple, Entry]:
        """Sums of the streams' scores, where all streams are finished.

        One nearest neighbour has no scores to add up.
        """
        groups: Dict[tuple, List[Cell]] = {}
        for cell in self.cells:
            if cell.protocol != 'knn@1' and self.store(cell).read(cell):
                key = cell.source.name, cell.protocol, cell.seed
                groups.setdefault(key, []).append(cell)
        found: Dict[tuple, Entry] = {}
        for (row, protocol, seed), cells in groups.items():
            if len(cells) < len(self.modalities):
                continue
            entry = found.setdefault(
                (ENSEMBLE, row, protocol), Entry(row, ENSEMBLE, protocol, {})
            )
            entry.accuracy[seed] = self._fused(cells)
            self._note_pretraining(entry, cells)
        return found

    def _note_pretraining(self, entry: Entry, cells: Sequence[Cell]) -> None:
        """Add up how long the encoders of some cells of one seed trained."""
        # streams may come out of one run
        paths = {cell.checkpoint for cell in cells} - {None}
        times = [training_seconds(path) for path in paths]
        if times and None not in times:
            entry.pretraining[cells[0].seed] = sum(times)

    def _fused(self, cells: Sequence[Cell]) -> float:
        """Top-1 of the sum of some streams' scores."""
        paths = {c.modality: self.store(c).predictions(c) for c in cells}
        key = tuple(paths.values())
        if key not in self._ensemble:
            streams = {
                name: Predictions.load(str(path), verbose=False)
                for name, path in paths.items()
            }
            self._ensemble[key] = accuracies(fuse(streams))['top1']
        return self._ensemble[key]

    def write(self) -> None:
        """Write ``table.md``, ``table.csv`` and ``table.json``."""
        if not is_main_process():
            return
        entries = self.entries()
        done = sum(self.store(c).read(c) is not None for c in self.cells)
        command = shlex.join(['python', *sys.argv])
        about = dict(
            title=self.title,
            command=command,
            configs=self.paths,
            finished=done,
            cells=len(self.cells),
            revision=revision(),
            versions=versions(),
        )
        content = dict(about, entries=[e.as_dict() for e in entries])
        write_text(
            self.out / 'table.json', json.dumps(content, indent=1) + '\n'
        )
        write_text(self.out / 'table.csv', as_csv(entries))
        write_text(self.out / 'table.md', page(content))
