"""A feature bank that is larger than memory."""

from __future__ import annotations

import hashlib
import os.path as osp
import warnings
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch
from torch import Tensor

from deeprank_mm.array_file import (
    UnusableFileError,
    begin_arrays,
    finish_arrays,
    map_array,
    next_place,
    read_index,
)
from deeprank_mm.atomic import atomic_write

from .feature_bank import FeatureBank

__all__ = ['BANK_DTYPES', 'MappedFeatureBank', 'load_bank', 'merge_rows']

#: What the numbers of a mapped bank may be kept as.
BANK_DTYPES = ('float32', 'float16')

_KIND = b'deeprank bank 01'
# Numbers that are in memory at a time.
_PIECE = 1 << 20


class MappedFeatureBank(FeatureBank):
    """A :class:`FeatureBank` whose rows stay in its file.

    Features are tensors like any, but only the rows that are looked up are
    read, and the system drops them again when memory is needed. Ids and
    classes are in memory. Rows looked up are float32, also where the file
    holds float16.

    Args:
        path (str): A file that :func:`merge_rows` has made.
        digest (str, optional): Its :attr:`digest`, if it is known. Defaults
            to None: it takes a pass over the file when it is asked for.

    Raises:
        UnusableFileError: If it is another file, or damaged.
    """

    def __init__(self, path: str, digest: Optional[str] = None) -> None:
        index = read_index(path, _KIND)
        self.path = path
        self.ids: List[str] = index['ids']
        labels = index['labels']
        self.labels = None if labels is None else torch.tensor(labels)
        self.clusters = None
        self.features: Dict[str, Tensor] = {}
        for name, place in index['features'].items():
            array = map_array(path, *place)
            with warnings.catch_warnings():
                # of being read-only: nobody writes to a bank
                warnings.simplefilter('ignore', UserWarning)
                self.features[name] = torch.from_numpy(array)
        self._row = {name: i for i, name in enumerate(self.ids)}
        self._digest = digest

    @property
    def digest(self) -> str:
        """str: As of the same bank in memory, if the numbers are float32."""
        if self._digest is None:
            digest = hashlib.sha256(self.fingerprint.encode())
            for name in sorted(self.features):
                digest.update(name.encode() + b'\0')
                value = self.features[name]
                for piece in value.split(_rows_of(value.shape[1])):
                    digest.update(piece.numpy().tobytes())
            self._digest = digest.hexdigest()
        return self._digest

    def save(self, path: str) -> None:
        """Nothing to do: the rows were written when they were extracted.

        Args:
            path (str): Where the bank already is.

        Raises:
            ValueError: If that is another place.
        """
        if osp.abspath(path) != osp.abspath(self.path):
            raise ValueError(
                f'A mapped feature bank stays where it is, {self.path}: copy '
                f'the file to {path}.'
            )


def load_bank(path: str) -> FeatureBank:
    """Open a bank's file, of either sort.

    Args:
        path (str): The file.

    Returns:
        FeatureBank: In memory, or a :class:`MappedFeatureBank`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged.
    """
    if osp.isfile(path):
        with open(path, 'rb') as file:
            mapped = file.read(len(_KIND)) == _KIND
        if mapped:
            try:
                return MappedFeatureBank(path)
            except UnusableFileError as error:
                raise ValueError(
                    f'The feature bank {path} {error}: put the right file '
                    'back, or start anew without --resume.'
                ) from error
    return FeatureBank.load(path)


def merge_rows(path: str, parts: Sequence[Dict[str, Any]], dtype: str) -> None:
    """Make a bank of rows that processes wrote to files of their own.

    Memory holds the ids and a block of rows, whatever the bank's size.

    Args:
        path (str): File to write, so that a reader never sees half of it.
        parts (Sequence[dict]): Of each process ``ids`` (list[str]),
            ``labels`` (list), ``widths`` (modality to D) and ``files``
            (modality to a file of its rows, ``(n, D)``).
        dtype (str): One of :data:`BANK_DTYPES`, of those files too.

    Raises:
        OSError: If it cannot be written; the error names it.
        ValueError: If there is no sample, or an id occurs twice.
    """
    ids = [name for part in parts for name in part['ids']]
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
    FeatureBank.check_ids([ids[i] for i in order])
    target = np.empty_like(order)
    target[order] = np.arange(len(order))
    labels = [label for part in parts for label in part['labels']]
    known = all(label is not None for label in labels)
    parts = [part for part in parts if part['ids']]
    features = {}
    with atomic_write(path) as file:
        begin_arrays(file, _KIND)
        end = file.tell()
        for name, width in parts[0]['widths'].items():
            shape = (len(ids), width)
            features[name] = (dtype, shape, next_place(end))
            size = len(ids) * width * np.dtype(dtype).itemsize
            end = features[name][-1] + size
            file.truncate(end)
            file.flush()
            rows = map_array(file.name, *features[name], mode='r+')
            start, step = 0, _rows_of(width)
            for part in parts:
                count = len(part['ids'])
                mine = map_array(part['files'][name], dtype, (count, width), 0)
                for i in range(0, count, step):
                    to = target[start + i : start + min(i + step, count)]
                    rows[to] = mine[i : i + step]
                start += count
            del rows
        file.seek(end)
        index = dict(
            ids=[ids[i] for i in order],
            labels=[labels[i] for i in order] if known else None,
            features=features,
        )
        finish_arrays(file, _KIND, index)


def _rows_of(width: int) -> int:
    return max(1, _PIECE // width)
