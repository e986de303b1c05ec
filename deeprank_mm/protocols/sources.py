"""The rows of a benchmark table: where an encoder's weights come from."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Optional

from mmengine.logging import HistoryBuffer

from deeprank_mm.engine.checkpoint_files import read_checkpoint
from deeprank_mm.utils.usage import UsageError, resolve

# Rows that need no checkpoint, and what they are called in a table.
UNTRAINED = {
    'random': 'random, BN calibrated',
    'random-raw': 'random, as initialised',
    'distances': 'no encoder, joint distances',
    'scratch': 'from scratch',
}
# {seed}, or {seed%3}
_SEED = re.compile(r'\{seed(?:%([1-9]\d*))?\}')


@dataclass(frozen=True)
class Source:
    """Weights that the protocols start from.

    Attributes:
        name (str): The row's name in tables.
        template (str, optional): Path of a checkpoint or a work directory,
            in which ``{seed}`` and ``{modality}`` are replaced; ``{seed%3}``
            is the seed modulo 3, for three pretrained encoders under more
            labelled subsets than three. None for an untrained encoder.
        kind (str): ``pretrained``, or a key of ``UNTRAINED``; of these
            ``distances`` is no encoder at all, but
            :class:`~deeprank_mm.models.backbones.JointDistances`.
    """

    name: str
    template: Optional[str] = None
    kind: str = 'pretrained'

    @classmethod
    def untrained(cls, kind: str) -> Source:
        """A row without a checkpoint.

        Args:
            kind (str): A key of ``UNTRAINED``.

        Returns:
            Source: The row.

        Raises:
            UsageError: There is no such row.
        """
        if kind not in UNTRAINED:
            raise UsageError(
                f'unknown row {kind!r}: choose of {", ".join(UNTRAINED)}.'
            )
        return cls(UNTRAINED[kind], kind=kind)

    @classmethod
    def parse(cls, text: str) -> Source:
        """A row from ``NAME=PATH``, or from a path alone.

        Args:
            text (str): The option's value.

        Returns:
            Source: The row.
        """
        name, found, template = text.partition('=')
        if not found:
            name, template = 'pretrained', text
        return cls(name.strip(), template.strip())

    @property
    def frozen(self) -> bool:
        """bool: Whether its features can be evaluated as they are."""
        return self.kind != 'scratch'

    @property
    def finetunes(self) -> bool:
        """bool: Whether supervised training can start from it."""
        return self.kind in ('pretrained', 'scratch')

    def checkpoint(self, modality: str, seed: int) -> Optional[str]:
        """The checkpoint of one cell.

        Args:
            modality (str): Which stream.
            seed (int): Which repetition.

        Returns:
            str, optional: Path of the file; None for an untrained encoder.

        Raises:
            UsageError: There is no checkpoint.
        """
        if self.template is None:
            return None
        path = _SEED.sub(
            lambda found: str(seed % int(found[1]) if found[1] else seed),
            self.template,
        )
        path = path.replace('{modality}', modality)
        return resolve(f'--checkpoint {self.name}', path)


@functools.cache
def training_seconds(path: str) -> Optional[float]:
    """How long the training steps took that led to a checkpoint.

    Of mmengine's own record, over all parts of an interrupted run, without
    validations and refreshes.

    Args:
        path (str): Path of the checkpoint.

    Returns:
        float, optional: Wall time in seconds; None if it holds no record, as
        after an export.

    Raises:
        pickle.UnpicklingError: If the file asks for code to be run.
    """
    content = read_checkpoint(path)
    hub = content.get('message_hub') or {}
    record = hub.get('log_scalars', {}).get('train/time')
    if not isinstance(record, HistoryBuffer):
        return None
    history, _ = record.data
    return float(history.sum())
