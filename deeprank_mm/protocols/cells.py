"""The cells of a benchmark table: what is run, and what came out."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from deeprank_mm.atomic import atomic_write
from deeprank_mm.utils.usage import UsageError

from .sources import Source

# In order of cost. ``@`` takes a number of neighbours or a share of labels.
_FORMS = (
    (r'knn@(\d+)', 'k = 1, 2, ...'),
    (r'linear(@([\d.]+))?', 'a share of labels in (0, 1]'),
    (r'semi@([\d.]+)', 'a share of labels in (0, 1]'),
    (r'finetune', ''),
)
ENSEMBLE = 'ensemble'


def parse_protocols(text: str) -> List[str]:
    """Protocols from ``knn,linear,finetune,semi@0.1``, cheapest first.

    Args:
        text (str): Names joined by commas. ``knn`` stands for ``knn@1`` and
            ``knn@20``.

    Returns:
        list[str]: Without repetitions.

    Raises:
        UsageError: A name is unknown or its number out of range.
    """
    names = []
    for name in filter(None, (part.strip() for part in text.split(','))):
        names += ['knn@1', 'knn@20'] if name == 'knn' else [name]
    if not names:
        raise UsageError('--protocols names none.')
    return sorted(dict.fromkeys(names), key=_cost)


def _cost(name: str) -> tuple:
    for rank, (form, number) in enumerate(_FORMS):
        match = re.fullmatch(form, name)
        if match is None:
            continue
        value = (match.groups() or (None,))[-1]
        value = 1.0 if value is None else float(value)
        if not (value >= 1 if rank == 0 else 0 < value <= 1):
            raise UsageError(f'--protocols {name}: takes {number}.')
        return rank, value
    raise UsageError(
        f'--protocols {name}: unknown; there are knn, knn@K, linear, '
        'linear@SHARE, semi@SHARE and finetune.'
    )


def number_of(protocol: str) -> float:
    """The number behind ``@``.

    Args:
        protocol (str): Name of a protocol.

    Returns:
        float: Neighbours, or the share of labels; 1 where there is none.
    """
    return float(protocol.partition('@')[2] or 1)


def parse_seeds(text: str) -> List[int]:
    """Seeds from ``0-4`` or ``0,2,5``.

    Args:
        text (str): The option's value.

    Returns:
        list[int]: The seeds.

    Raises:
        UsageError: It is neither.
    """
    seeds: List[int] = []
    for part in text.split(','):
        match = re.fullmatch(r'(\d+)(?:-(\d+))?', part.strip())
        if match is None:
            raise UsageError(f'--seeds {text}: like 0-4 or 0,2,5.')
        first, last = match.groups()
        seeds += range(int(first), int(last or first) + 1)
    return list(dict.fromkeys(seeds))


@dataclass(frozen=True)
class Cell:
    """One number of the table, before means are taken.

    Attributes:
        source (Source): The row.
        protocol (str): The column.
        modality (str): The stream.
        seed (int): The repetition, and the labelled subset where the
            protocol takes one: rows are paired by it.
        checkpoint (str, optional): The file of the row's weights, looked for
            once: a work directory may have a newer one by the time that the
            cell is run. None for an untrained encoder.
    """

    source: Source
    protocol: str
    modality: str
    seed: int
    checkpoint: Optional[str] = None

    @property
    def frozen(self) -> bool:
        """bool: Whether the encoder stays as it is."""
        return self.protocol.startswith(('knn', 'linear'))

    def identity(self) -> str:
        """What the weights are, and not where they lie.

        Returns:
            str: A digest of the checkpoint's content, or the kind of an
            untrained encoder.
        """
        if self.checkpoint is None:
            return self.source.kind
        return hashlib.sha256(Path(self.checkpoint).read_bytes()).hexdigest()

    def __str__(self) -> str:
        return (
            f'{self.source.name}, {self.protocol}, {self.modality}, '
            f'seed {self.seed}'
        )


def plan(
    sources: Sequence[Source],
    protocols: Sequence[str],
    modalities: Sequence[str],
    seeds: Sequence[int],
) -> List[Cell]:
    """The cells to run, cheapest protocol first, then seed by seed.

    Args:
        sources (Sequence[Source]): The rows.
        protocols (Sequence[str]): From :func:`parse_protocols`.
        modalities (Sequence[str]): The streams.
        seeds (Sequence[int]): The repetitions.

    Returns:
        list[Cell]: Cells that make sense: an untrained encoder is not
        finetuned (that is the row ``scratch``), and a ``scratch`` row has no
        frozen features.

    Raises:
        UsageError: A row has no checkpoint.
    """
    files = {
        (source, modality, seed): source.checkpoint(modality, seed)
        for source in sources
        for modality in modalities
        for seed in seeds
    }
    cells = (
        Cell(source, protocol, modality, seed, files[source, modality, seed])
        for protocol in protocols
        for seed in seeds
        for modality in modalities
        for source in sources
    )
    return [
        cell
        for cell in cells
        if (cell.source.frozen if cell.frozen else cell.source.finetunes)
    ]


@dataclass
class Result:
    """What came out of a cell.

    Attributes:
        accuracy (float): Top-1 on the test split, in [0, 1]; of the last
            epoch where there is training.
        best (float, optional): Top-1 of the best epoch, chosen on the test
            split: reported beside, never instead.
        seconds (float): Wall time.
        command (str): What gives this cell alone.
    """

    accuracy: float
    best: Optional[float]
    seconds: float
    command: str = ''


class Store:
    """Finished cells on disk; each a folder named by what it depends on.

    Args:
        root (Path): Folder of the benchmark.
        context (str): What all cells depend on: configs and versions.
    """

    def __init__(self, root: Path, context: str) -> None:
        self.root = Path(root)
        self.context = context
        self._identities: Dict[str, str] = {}

    def folder(self, cell: Cell) -> Path:
        """Where a cell lives.

        The name ends in a digest of the configs and of the weights, so what
        has changed is never mistaken for finished.

        Args:
            cell (Cell): The cell.

        Returns:
            Path: The folder.
        """
        weights = cell.checkpoint or cell.source.kind
        if weights not in self._identities:
            self._identities[weights] = cell.identity()
        digest = hashlib.sha256(
            '\0'.join(
                (self.context, self._identities[weights], cell.protocol)
            ).encode()
        ).hexdigest()
        name = re.sub(r'[^\w.-]+', '-', cell.source.name).strip('-').lower()
        return (
            self.root
            / 'cells'
            / cell.protocol
            / f'{name}_{cell.modality}_{cell.seed}_{digest[:8]}'
        )

    def read(self, cell: Cell) -> Optional[Result]:
        """The result of a cell.

        Args:
            cell (Cell): The cell.

        Returns:
            Result, optional: None if it is not finished.
        """
        path = self.folder(cell) / 'result.json'
        if not path.is_file():
            return None
        return Result(**json.loads(path.read_text()))

    def write(self, cell: Cell, result: Result) -> None:
        """Note a result, at once and whole.

        Args:
            cell (Cell): The cell.
            result (Result): What came out.
        """
        write_text(
            self.folder(cell) / 'result.json',
            json.dumps(asdict(result), indent=2) + '\n',
        )

    def predictions(self, cell: Cell) -> Path:
        """Where a cell's predictions lie, for ensembles.

        Args:
            cell (Cell): The cell.

        Returns:
            Path: The file.
        """
        return self.folder(cell) / 'predictions.pkl'


def write_text(path: Path, text: str) -> None:
    """Write a text file that is never seen half written.

    Args:
        path (Path): The file; its folder is made if need be.
        text (str): The content.
    """
    with atomic_write(str(path)) as file:
        file.write(text.encode())
