"""Files of arrays that are mapped into memory instead of being read.

Arrays lie one behind the other, then an index in JSON, then a footer that
says where the index begins: so a file can be written in one go, and one that
was cut short or is something else is noticed when it is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from typing import Any, BinaryIO, Tuple

import numpy as np

__all__ = [
    'UnusableFileError',
    'begin_arrays',
    'finish_arrays',
    'map_array',
    'next_place',
    'read_index',
]

_ALIGNMENT = 64
# Where the index begins, its length, its SHA-256; then the kind again.
_FOOTER = struct.Struct('<QQ32s16s')


class UnusableFileError(ValueError):
    """Says what is wrong with a file, as the end of a sentence."""


def begin_arrays(file: BinaryIO, kind: bytes) -> None:
    """Write what the file begins with.

    Args:
        file (BinaryIO): A new file.
        kind (bytes): 16 bytes that name its format.
    """
    file.write(kind)


def next_place(place: int) -> int:
    """Where the next array may begin.

    Args:
        place (int): The end of what is there.

    Returns:
        int: The first aligned place from there.
    """
    return place + -place % _ALIGNMENT


def finish_arrays(file: BinaryIO, kind: bytes, index: Any) -> None:
    """Write the index, behind the arrays.

    Args:
        file (BinaryIO): Positioned behind the last array.
        kind (bytes): As at the beginning.
        index (Any): What JSON can hold.
    """
    content = json.dumps(index).encode()
    start = file.tell()
    file.write(content)
    digest = hashlib.sha256(content).digest()
    file.write(_FOOTER.pack(start, len(content), digest, kind))


def read_index(path: str, kind: bytes) -> Any:
    """The index of a file that is whole.

    Args:
        path (str): The file.
        kind (bytes): Its format.

    Returns:
        Any: As it was given to :func:`finish_arrays`.

    Raises:
        FileNotFoundError: If there is no such file.
        UnusableFileError: If it is of another kind, cut short or damaged.
    """
    with open(path, 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(len(kind)) != kind:
            raise UnusableFileError('is another sort of file')
        try:
            file.seek(size - _FOOTER.size)
            start, length, digest, end = _FOOTER.unpack(file.read())
            whole = end == kind and start + length + _FOOTER.size == size
        except (OSError, struct.error):
            whole = False
        if not whole:
            raise UnusableFileError('has been cut short')
        file.seek(start)
        content = file.read(length)
    if hashlib.sha256(content).digest() != digest:
        raise UnusableFileError('is damaged')
    return json.loads(content)


def map_array(
    path: str, dtype: str, shape: Tuple[int, ...], place: int, mode: str = 'r'
) -> np.ndarray:
    """An array of a file, of which only what is used is in memory.

    Args:
        path (str): The file.
        dtype (str): Of its numbers.
        shape (tuple[int]): Its shape, without a zero.
        place (int): Where it begins, in bytes.
        mode (str): See ``numpy.memmap``. Defaults to ``'r'``.

    Returns:
        np.ndarray: The array; not to be written to with mode ``'r'``.
    """
    # a plain array: each slice of a memmap is a slow object of its own
    return np.memmap(path, dtype, mode, place, tuple(shape)).view(np.ndarray)
