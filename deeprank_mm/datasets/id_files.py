"""Lists of sample ids as text files, to hand a subset to somebody else."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from deeprank_mm.atomic import atomic_write

__all__ = ['ids_digest', 'read_ids', 'write_ids']

_COMMENT = '#'
_DIGEST = '# sha256: '


def ids_digest(ids: Sequence[str]) -> str:
    """A name for a set of samples, whatever their order.

    Args:
        ids (Sequence[str]): The sample ids.

    Returns:
        str: SHA-256 of the sorted ids, one a line.
    """
    text = ''.join(f'{name}\n' for name in sorted(ids))
    return hashlib.sha256(text.encode()).hexdigest()


def write_ids(
    path: str, ids: Sequence[str], remarks: Mapping[str, Any]
) -> None:
    """Write ids, one a line, below comments that say what they are.

    Args:
        path (str): The file.
        ids (Sequence[str]): The sample ids.
        remarks (Mapping[str, Any]): What the comments say, such as the
            fraction and the seed. The digest of the ids is added.

    Raises:
        ValueError: An id could not be read again: it is empty, has more than
            one line, begins or ends with a space, or begins with ``#``.
        OSError: The file cannot be written.
    """
    for name in ids:
        if name != name.strip() or len(name.splitlines()) != 1:
            raise ValueError(f'the sample id {name!r} does not fit on a line')
        if name.startswith(_COMMENT):
            raise ValueError(f'the sample id {name!r} looks like a comment')
    lines = [f'{_COMMENT} {key}: {value}' for key, value in remarks.items()]
    lines += [_DIGEST + ids_digest(ids), *ids, '']
    with atomic_write(path) as file:
        file.write('\n'.join(lines).encode())


def read_ids(path: str) -> list[str]:
    """Read what :func:`write_ids` wrote, or any list of one id a line.

    Args:
        path (str): The file. Blank lines and lines that begin with ``#`` are
            no ids.

    Returns:
        list[str]: The ids, in the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not text, holds no ids or one of them twice, or a
            digest in it is not that of its ids.
    """
    try:
        with open(path, encoding='utf-8') as file:
            lines = [line.strip() for line in file]
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not a text file of ids') from error
    ids = [line for line in lines if line and not line.startswith(_COMMENT)]
    if not ids:
        raise ValueError(f'{path} holds no sample ids')
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise ValueError(f'{path} holds {name!r} more than once')
        seen.add(name)
    for line in lines:
        if line.startswith(_DIGEST) and line != _DIGEST + ids_digest(ids):
            raise ValueError(
                f'{path} was changed after it was written: its ids are not '
                'those of its sha256; remove that line if it was on purpose'
            )
    return ids
