"""A run's checkpoints on disk: written whole, and found whole."""

from __future__ import annotations

import logging
import os
import os.path as osp
import pickle
import re
import zipfile
from typing import List, Optional, Tuple

import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

from deeprank_mm.atomic import atomic_write

ATOMIC_BACKEND = 'atomic_local'
_POINTER = 'last_checkpoint'


@register_backend(ATOMIC_BACKEND, force=True)
class AtomicLocalBackend(LocalBackend):
    """mmengine's local files, but a file is only ever replaced as a whole."""

    def put(self, obj: bytes, filepath: str) -> None:
        """Write bytes to a file.

        Args:
            obj (bytes): The content.
            filepath (str): The file; its folder is made if need be.

        Raises:
            OSError: If it cannot be written; what was there stays.
        """
        with atomic_write(str(filepath)) as file:
            file.write(obj)


def point_to(folder: str, path: str) -> None:
    """Note which checkpoint of a work directory is the latest.

    Args:
        folder (str): The work directory.
        path (str): The checkpoint.
    """
    with atomic_write(osp.join(folder, _POINTER)) as file:
        file.write(path.encode())


def damage(path: str) -> Optional[str]:
    """What makes a checkpoint file unreadable, found without unpickling it.

    Args:
        path (str): A local file.

    Returns:
        str, optional: The reason, to follow the path in a sentence; None if
        the file is whole. Whether it is safe to load is another question:
        see :func:`check_safe`.
    """
    if not osp.isfile(path):
        return 'is missing'
    with open(path, 'rb') as file:
        head = file.read(1)
    if head == b'\x80':
        # an old torch's bare pickle, whose end only unpickling can find
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except zipfile.BadZipFile:
        return 'is cut off or no checkpoint' if head else 'is empty'
    return None if bad is None else f'is damaged ({bad} has a wrong checksum)'


def check_safe(path: str) -> None:
    """Refuse a checkpoint that asks for code to be run, naming the file.

    torch itself refuses it, too, but does not say which file it was, and
    tells how to load it nevertheless.

    Args:
        path (str): A local file that is whole.

    Raises:
        pickle.UnpicklingError: If it asks for more than numbers and plain
            containers.
    """
    look = getattr(
        torch.serialization, 'get_unsafe_globals_in_checkpoint', None
    )
    if look is None or not zipfile.is_zipfile(path):
        return  # left to torch.load
    asked = look(path)
    if asked:
        raise pickle.UnpicklingError(
            f'The checkpoint {path} asks for {", ".join(sorted(asked))}, '
            'which no checkpoint of this run needs: refused, the file may be '
            'hostile. Name another one.'
        )


def read_checkpoint(path: str) -> dict:
    """What a checkpoint holds, on the CPU.

    Args:
        path (str): File or URL.

    Returns:
        dict: Its content.

    Raises:
        pickle.UnpicklingError: See :func:`check_safe`.
    """
    check_safe(path)
    return CheckpointLoader.load_checkpoint(path, map_location='cpu')


def latest_checkpoint(
    folder: str, template: Optional[str] = None
) -> Optional[str]:
    """The latest checkpoint of a work directory that is whole.

    It is the one that ``last_checkpoint`` names, or of that name in the
    folder itself; if that one is damaged, the one before, with a warning
    that names both.

    Args:
        folder (str): The work directory.
        template (str, optional): File names of checkpoints, with ``{}`` for
            the epoch or iteration. Defaults to None: as the one that
            ``last_checkpoint`` names.

    Returns:
        str, optional: A file or URL; None if nothing has been saved yet.

    Raises:
        ValueError: If there are checkpoints and none is whole.
    """
    named = _named(folder)
    if '://' in named:
        return named
    problems: List[str] = []
    for path in _candidates(folder, named, template):
        problem = damage(path)
        if problem is None:
            if problems:
                print_log(
                    f'{"; ".join(problems)}: {path} is used instead.',
                    logger='current',
                    level=logging.WARNING,
                )
            return path
        problems.append(f'The checkpoint {path} {problem}')
    if problems:
        raise ValueError(
            f'{"; ".join(problems)}: no checkpoint in {folder} can be read. '
            f'Name another one, or remove {_POINTER} and these files to '
            'start from the beginning.'
        )
    return None


def _named(folder: str) -> str:
    """What ``last_checkpoint`` names, or nothing."""
    pointer = osp.join(folder, _POINTER)
    if not osp.isfile(pointer):
        return ''
    with open(pointer, encoding='utf-8') as file:
        path = file.read().strip()
    if path and '://' not in path:
        # The path noted there is that of the run. Of a folder that was moved
        # or copied since then its own file counts, whatever is there now.
        own = osp.join(folder, osp.basename(path))
        if osp.isfile(own) or not osp.isfile(path):
            path = own
    return path


def _candidates(folder: str, named: str, template: Optional[str]) -> List[str]:
    """The named checkpoint, then those of earlier steps, latest first."""
    name = osp.basename(named)
    if template is None:
        template = re.sub(r'\d+(?=\D*$)', '{}', name)
    before, found, after = template.partition('{}')
    pattern = re.compile(re.escape(before) + r'(\d+)' + re.escape(after))
    match = pattern.fullmatch(name)
    # later files than the named one are an earlier run's, or unfinished
    end = int(match.group(1)) if match else None
    folder = osp.dirname(named) if named else folder
    steps: List[Tuple[int, str]] = []
    if found and osp.isdir(folder):
        for other in os.listdir(folder):
            match = pattern.fullmatch(other)
            step = int(match.group(1)) if match else None
            if step is not None and (end is None or step < end):
                steps.append((step, osp.join(folder, other)))
    earlier = [path for _, path in sorted(steps, reverse=True)]
    return [named, *earlier] if named else earlier
