"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import os.path as osp
from contextlib import contextmanager, suppress
from typing import BinaryIO, Iterator

__all__ = ['PARTIAL', 'atomic_write', 'remove_partial']

PARTIAL = '.partial'


@contextmanager
def atomic_write(path: str) -> Iterator[BinaryIO]:
    """Open a file to write, under its own name only when it is complete.

    Whoever reads the path meets the old content or the new one, whenever the
    process is killed. If writing fails, the old content stays.

    Args:
        path (str): File to write; its folder is made if need be.

    Yields:
        BinaryIO: What to write to.

    Raises:
        OSError: If the file cannot be written; the error names it.
    """
    folder = osp.dirname(path) or '.'
    partial = path + PARTIAL
    os.makedirs(folder, exist_ok=True)
    try:
        with open(partial, 'wb') as file:
            yield file
            file.flush()
            # else the new name could outlive a power cut, and not its content
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        with suppress(OSError):
            os.remove(partial)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = path  # a full disk does not say which file
        raise
    with suppress(OSError):  # not every file system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_partial(folder: str) -> None:
    """Remove what killed processes left half written.

    Args:
        folder (str): Where to look, and not below; it need not exist.
    """
    if not osp.isdir(folder):
        return
    for name in os.listdir(folder):
        if name.endswith(PARTIAL):
            with suppress(FileNotFoundError):
                os.remove(osp.join(folder, name))
