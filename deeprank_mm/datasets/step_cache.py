"""Deterministic first steps of a pipeline, done once and kept in a file.

What a step costs at each reading (MMAction2's ``PreNormalize3D``: most of
the time of its pipeline) is then paid once for each annotation file. The
arrays lie one behind the other in a file that workers and processes map into
memory, so that they share it.
"""

import copy
import hashlib
import json
import os
import os.path as osp
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from types import FunctionType
from typing import Any, Callable, Optional

import mmaction
import numpy as np
import torch
from mmengine import fileio
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from rich import get_console
from rich.progress import track

from deeprank_mm.array_file import (
    UnusableFileError,
    begin_arrays,
    finish_arrays,
    map_array,
    next_place,
    read_index,
)
from deeprank_mm.atomic import atomic_write
from deeprank_mm.randomness import keyed_randomness
from deeprank_mm.version import __version__

from .annotation import finite_problem

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ['CachedArrays', 'cache_key', 'describe', 'open_cache']

_KIND = b'deeprank cache 1'
_TRIED = 3  # samples that are read twice before all are read once

#: For each sample what its annotation becomes: ``arrays`` (name, type, shape
#: and place in the file), ``values`` that are no arrays, names ``removed``.
Index = dict[str, dict[str, Any]]


class CachedArrays:
    """The arrays of a cache file, mapped into memory when first read.

    A copy, in a worker process or not, opens the file again: none of them
    holds the data.

    Args:
        path (str): A file that :func:`open_cache` has made.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._bytes: Optional[np.ndarray] = None

    def __reduce__(self) -> tuple:
        return type(self), (self.path,)

    def read(self, dtype: str, shape: Sequence[int], place: int) -> np.ndarray:
        """One array.

        Args:
            dtype (str): As in the index.
            shape (Sequence[int]): As in the index.
            place (int): As in the index.

        Returns:
            np.ndarray: A copy, which the pipeline may write to.
        """
        if self._bytes is None:
            size = (osp.getsize(self.path),)
            self._bytes = map_array(self.path, 'u1', size, 0)
        kind = np.dtype(dtype)
        size = int(np.prod(shape)) * kind.itemsize
        raw = self._bytes[place : place + size]
        return raw.view(kind).reshape(shape).copy()


def describe(value: Any) -> str:
    """Text that is the same for steps that do the same.

    Args:
        value (Any): A transform, or what one is made of: numbers, text,
            arrays, containers, functions and objects of such.

    Returns:
        str: Its class, the source code of that, and its attributes.

    Raises:
        ValueError: There is something whose content is unknown.
    """
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return repr(value)
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray) and value.dtype.kind in 'biufSU':
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes())
        return f'array({value.dtype}, {value.shape}, {digest.hexdigest()})'
    if isinstance(value, (list, tuple)):
        return f'({", ".join(map(describe, value))})'
    if isinstance(value, Mapping):
        items = (f'{describe(k)}: {describe(v)}' for k, v in value.items())
        return f'{{{", ".join(sorted(items))}}}'
    kind = type(value)
    if isinstance(value, type) or kind is FunctionType:
        name = value.__qualname__
        if '<' not in name:  # what is local or a lambda has no name of its own
            return f'{value.__module__}.{name} {_source(value.__module__)}'
    elif hasattr(value, '__dict__'):
        code = [_source(parent.__module__) for parent in kind.__mro__[:-1]]
        name = f'{kind.__module__}.{kind.__qualname__}'
        return f'{name} {code} {describe(vars(value))}'
    raise ValueError(f'a {kind.__name__} has no content that can be compared')


@cache
def _source(module: str) -> str:
    """SHA-256 of a module's source code."""
    path = getattr(sys.modules.get(module), '__file__', None)
    if path is None:
        return module
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


def cache_key(ann_file: str, split: Optional[str], steps: Sequence) -> str:
    """What a cache depends on, as the name of its file.

    Args:
        ann_file (str): The annotation file, of which all bytes count and the
            name does not.
        split (str, optional): Which split of it.
        steps (Sequence): The transforms.

    Returns:
        str: 32 hexadecimal digits.
    """
    with fileio.get_local_path(ann_file) as local:
        state = os.stat(local)
        content = _file_digest(local, state.st_size, state.st_mtime_ns)
    versions = (__version__, mmaction.__version__, np.__version__)
    parts = (_KIND, content, split, versions, [describe(s) for s in steps])
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=8)
def _file_digest(path: str, size: int, changed: int) -> str:
    """SHA-256 of a file; its size and time tell when it is another one."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def open_cache(
    folder: str,
    key: str,
    samples: Sequence[dict],
    steps: Sequence[Callable],
    refuse: Callable[[dict, Optional[str]], None],
) -> tuple[CachedArrays, Index]:
    """The cache of this key, made if there is none that is whole.

    Processes that come at once wait for the first one to make it.

    Args:
        folder (str): Where caches lie; made if need be.
        key (str): From :func:`cache_key`.
        samples (Sequence[dict]): The annotations, each with ``sample_id``.
        steps (Sequence[callable]): The transforms.
        refuse (callable): Raises for a sample and what is wrong with it, if
            anything is.

    Returns:
        tuple[CachedArrays, dict]: The arrays, and where they are.

    Raises:
        OSError: The file cannot be written; the error names it.
        ValueError: A step is random, drops a sample or leaves something that
            cannot be kept.
    """
    path = osp.join(folder, f'{key}.cache')
    with suppress(FileNotFoundError, UnusableFileError):
        return CachedArrays(path), _read_index(path, key)
    logger = MMLogger.get_current_instance()
    os.makedirs(folder, exist_ok=True)
    with _locked(path) as alone:
        try:  # another process may have made it meanwhile
            return CachedArrays(path), _read_index(path, key)
        except FileNotFoundError:
            pass
        except UnusableFileError as error:
            logger.warning(f'The cache {path} {error}: it is made again.')
        # those who do not wait must not write into one file
        own = path if alone else f'{path}.{os.getpid()}.{random.random()}'
        index = _write(own, key, samples, steps, refuse)
        os.replace(own, path)
    names = ', '.join(type(step).__name__ for step in steps)
    logger.info(
        f'{len(samples)} samples after {names} are kept in {path} '
        f'({osp.getsize(path) / 1e6:.0f} MB), for this and later runs.'
    )
    return CachedArrays(path), index


def _read_index(path: str, key: str) -> Index:
    content = read_index(path, _KIND)
    if content['key'] != key:
        raise UnusableFileError('is that of other data or steps')
    return content['samples']


@contextmanager
def _locked(path: str) -> Iterator[bool]:
    """Wait until no other process makes the file; False if nobody waits.

    The lock ends with its process, however that ends; its file stays.
    """
    with open(path + '.lock', 'wb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            alone = True
        except (AttributeError, OSError):  # no such system, no such disk
            alone = False
        yield alone


def _write(
    path: str,
    key: str,
    samples: Sequence[dict],
    steps: Sequence[Callable],
    refuse: Callable[[dict, Optional[str]], None],
) -> Index:
    names = ', '.join(type(step).__name__ for step in steps)
    transform = Compose(steps)
    index: Index = {}
    for sample in samples[:_TRIED]:
        refuse(sample, _random_problem(sample, transform, names))
    state = _random_state()
    quiet = not get_console().is_terminal
    with atomic_write(path) as file:
        begin_arrays(file, _KIND)
        for sample in track(
            samples, f'Caching {names}', transient=True, disable=quiet
        ):
            refuse(sample, finite_problem(sample))
            result = transform(copy.deepcopy(sample))
            if result is None:
                refuse(sample, f'is dropped by {names}, which is in the cache')
            refuse(sample, finite_problem(result))
            index[sample['sample_id']] = _keep(file, sample, result, refuse)
        if _random_state() != state:
            refuse(samples[0], _RANDOM.format(names))
        finish_arrays(file, _KIND, dict(key=key, samples=index))
    return index


def _keep(
    file: Any,
    sample: dict,
    result: dict,
    refuse: Callable[[dict, Optional[str]], None],
) -> dict[str, Any]:
    """Write a sample's arrays; return its entry in the index."""
    arrays, values = {}, {}
    for name, value in result.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in 'biuf':
            file.seek(next_place(file.tell()))
            arrays[name] = (value.dtype.str, value.shape, file.tell())
            file.write(np.ascontiguousarray(value).data)
        elif name not in sample or value is not sample[name]:
            if name in sample and _equal(value, sample[name]):
                continue  # a copy of what the annotation holds
            value = value.item() if isinstance(value, np.generic) else value
            try:
                kept = json.loads(json.dumps(value))
            except (TypeError, ValueError):
                kept = None
            if type(kept) is not type(value) or kept != value:
                refuse(
                    sample,
                    f'gets {name!r} as a {type(value).__name__} from a step, '
                    'which a cache cannot keep: choose fewer steps',
                )
            values[name] = kept
    removed = [name for name in sample if name not in result]
    return dict(arrays=arrays, values=values, removed=removed)


_RANDOM = (
    'cannot be cached after {}, which draws random numbers: choose only the '
    'steps before the first random one'
)


def _random_problem(
    sample: dict, transform: Callable, names: str
) -> Optional[str]:
    """Whether two readings of a sample differ."""
    readings = []
    for reading in range(2):
        with keyed_randomness(reading, sample['sample_id']):
            state = _random_state()
            readings.append(transform(copy.deepcopy(sample)))
            drew = _random_state() != state
        if drew:
            return _RANDOM.format(names)
    one, two = readings
    return None if _equal(one, two) else _RANDOM.format(names)


def _random_state() -> tuple:
    """Of all generators that a step may draw from."""
    return (
        random.getstate(),
        str(np.random.get_bit_generator().state),
        torch.get_rng_state().numpy().tobytes(),
    )


def _equal(one: Any, two: Any) -> bool:
    """Whether annotations are equal, arrays included."""
    if isinstance(one, np.ndarray):
        if type(one) is not type(two) or one.dtype != two.dtype:
            return False
        if one.dtype.kind == 'O':
            return _equal(one.tolist(), two.tolist())
        return one.shape == two.shape and one.tobytes() == two.tobytes()
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        return one.keys() == two.keys() and all(
            _equal(one[key], two[key]) for key in one
        )
    if isinstance(one, (list, tuple)):
        same = type(one) is type(two) and len(one) == len(two)
        return same and all(map(_equal, one, two))
    return type(one) is type(two) and bool(one == two)
