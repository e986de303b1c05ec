"""Feature banks as the tools' command lines name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional

from mmengine.config import Config
from torch import Tensor

from deeprank_mm.engine.bank_files import BankFiles, find_bank
from deeprank_mm.structures import FeatureBank, load_bank

from .usage import UsageError

HELP = (
    '[NAME=]PATH[@CYCLE][:MODALITY]: a bank file, or the work directory of a '
    'pretraining run; without a cycle the latest; 1 is what the first labels '
    'came from, usually the untrained encoder'
)
_FORM = re.compile(r'(?P<path>.+?)(@(?P<cycle>\d+))?(:(?P<modality>\w+))?')


@dataclass(frozen=True)
class BankSource:
    """One modality of a bank.

    Attributes:
        name (str): What to call it.
        path (str): The file or the work directory.
        cycle (int, optional): Of the work directory.
        modality (str, optional): None for the joint, or the only one.
    """

    name: str
    path: str
    cycle: Optional[int] = None
    modality: Optional[str] = None

    @classmethod
    def parse(cls, text: str) -> BankSource:
        """Read what :data:`HELP` describes.

        Args:
            text (str): The option's value.

        Returns:
            BankSource: Not looked for yet.

        Raises:
            UsageError: It has no path.
        """
        # names hold more of them than paths: 'n = 8=work_dirs/...'
        name, found, rest = text.rpartition('=')
        if not found or Path(text).exists():
            name, rest = '', text
        match = _FORM.fullmatch(rest)
        if match is None:
            raise UsageError(f'{text!r} is not of the form {HELP}.')
        path, cycle, modality = match.group('path', 'cycle', 'modality')
        return cls(
            name or rest.rstrip('/').rpartition('/')[2],
            path,
            None if cycle is None else int(cycle),
            modality,
        )

    def load(self, part: str = 'train') -> FeatureBank:
        """The bank.

        Args:
            part (str): ``'train'`` or ``'val'``. Defaults to ``'train'``.

        Returns:
            FeatureBank: With ground-truth classes.

        Raises:
            UsageError: There is no such bank, or it has no classes.
        """
        return self._read(_found(self.path, self.cycle, part))

    def load_cycles(self, part: str = 'train') -> Dict[int, FeatureBank]:
        """All banks of a work directory that are still there.

        Args:
            part (str): ``'train'`` or ``'val'``. Defaults to ``'train'``.

        Returns:
            dict[int, FeatureBank]: By cycle, from 1.

        Raises:
            UsageError: There is none, or one has no classes.
        """
        if self.cycle is not None or not Path(self.path).is_dir():
            raise UsageError(
                f'{self.path} must be the work directory of a run, without a '
                'cycle: all of its cycles are looked at.'
            )
        _found(self.path, None, part)
        folder = Path(BankFiles.path(self.path, ''))
        return {
            int(path.name.split('_')[1]): self._read(str(path))
            for path in sorted(folder.glob(f'cycle_*_{part}.pth'))
        }

    def modality_of(self, bank: FeatureBank) -> str:
        """Which modality is meant.

        Args:
            bank (FeatureBank): The bank.

        Returns:
            str: The one named; else the joint, or the only one there is.

        Raises:
            UsageError: The bank does not have it.
        """
        known = bank.modalities
        name = self.modality or ('joint' if 'joint' in known else known[0])
        if name not in known:
            raise UsageError(
                f'{self.path} has no {name!r} features, it has '
                f'{", ".join(known)}.'
            )
        return name

    def features(self, bank: FeatureBank) -> Tensor:
        """Its features.

        Args:
            bank (FeatureBank): From :meth:`load`.

        Returns:
            Tensor: ``(N, D)``.
        """
        return bank.features[self.modality_of(bank)]

    def _read(self, path: str) -> FeatureBank:
        try:
            bank = load_bank(path)
        except ValueError as error:
            raise UsageError(str(error)) from error
        if bank.labels is None:
            raise UsageError(
                f'{path} has no classes, by which the features could be '
                'judged: the annotations had none.'
            )
        return bank


def parse_sources(texts: List[str]) -> List[BankSource]:
    """Several sources, of different names.

    Args:
        texts (list[str]): The option's values.

    Returns:
        list[BankSource]: In this order.

    Raises:
        UsageError: One is malformed, or two have the same name.
    """
    sources = [BankSource.parse(text) for text in texts]
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f'two banks are called {name!r}: give names, NAME=PATH.'
            )
    return sources


def _found(path: str, cycle: Optional[int], part: str) -> str:
    try:
        return find_bank(path, cycle, part)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(str(error)) from error


def run_normalization(path: str) -> Optional[str]:
    """Normalisation of features in the run that wrote a bank.

    Args:
        path (str): The bank, in the folder where the run put it.

    Returns:
        str, optional: As its config says; None where there is no config
        beside it, or configs that differ.
    """
    bank = Path(path)
    if bank.parent.name != 'banks':
        return None
    found = set()
    for file in bank.parent.parent.glob('*.py'):
        config = Config.fromfile(file, import_custom_modules=False)
        found.add((config.get('model') or {}).get('normalization', 'l2'))
    return found.pop() if len(found) == 1 else None
