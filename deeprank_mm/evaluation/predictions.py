"""Predictions that mmengine's ``DumpResults`` wrote, read safely.

The files are pickles of data samples with tensors inside, and a pickle calls
whatever it names. They are read by the same unpickler as annotations are,
which additionally knows tensors on the CPU, and no other object of torch.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine import fileio
from mmengine.logging import MMLogger
from torch import Tensor

from deeprank_mm.atomic import atomic_write
from deeprank_mm.datasets.safe_pickle import (
    _PlainUnpickler,
    _RefusedGlobal,
    _StandIn,
    _to_plain,
)
from deeprank_mm.structures import label_of, sample_id_of

__all__ = ['Predictions', 'PredictionsError']

# How far the sum of a row of probabilities may be from 1.
_TOLERANCE = 1e-4
# The tensors that are read: those of MMAction2 1.2, then those of 1.1.
_TENSORS = ('pred_score', 'pred_scores', 'gt_label', 'gt_labels')


class PredictionsError(ValueError):
    """Predictions that cannot be used, with the reason and the way out."""


@dataclass(eq=False)
class Predictions:
    """What one model says about a set of samples.

    Args:
        ids (list[str]): Names of the ``N`` samples.
        scores (np.ndarray): ``(N, C)`` float64, probabilities.
        labels (np.ndarray, optional): ``(N, )`` int64, the true classes.
            Defaults to None, not known.
    """

    ids: List[str]
    scores: np.ndarray
    labels: Optional[np.ndarray] = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def num_classes(self) -> int:
        """int: The number of classes."""
        return self.scores.shape[1]

    @classmethod
    def load(cls, path: str, verbose: bool = True) -> Predictions:
        """Read a file of ``DumpResults``, or one that :meth:`save` wrote.

        Scores that are not probabilities yet (rows of values >= 0 with sum
        1) are taken for logits, and get one softmax. The log says which.

        Args:
            path (str): The file, local or on any of mmengine's backends.
            verbose (bool): Log it. Defaults to True.

        Returns:
            Predictions: The samples in the order of the file.

        Raises:
            FileNotFoundError: If there is no such file.
            PredictionsError: If it is not a pickle of predictions or holds
                anything but plain data and tensors; if samples have no name,
                no scores, differing numbers of classes, scores that are not
                finite, or labels that are no class; if only some have a
                label; or if some rows are probabilities and others are not.
        """
        path = str(path)
        samples = _read(path)
        ids = _ids(samples, path)
        table = _table(samples, ids, path)
        labels = _labels(samples, ids, table.shape[1], path)
        scores = _probabilities(table, ids, path, verbose)
        return cls(ids, scores, labels)

    def save(self, path: str) -> None:
        """Write the format of ``DumpResults``, never half a file.

        The tools of MMAction2 1.1 and 1.2 that take predictions read it.

        Args:
            path (str): File to write; its folder is made if need be.

        Raises:
            OSError: If it cannot be written.
        """
        samples = []
        for i, name in enumerate(self.ids):
            # Copies: a tensor is pickled with all of the memory it views.
            score = torch.tensor(self.scores[i])
            fields = dict(pred_score=score, pred_label=score.argmax()[None])
            if self.labels is not None:
                fields['gt_label'] = torch.tensor([int(self.labels[i])])
            # The names of 1.1. A pickle holds the shared tensor only once.
            fields.update(
                {f'{key}s': dict(item=v) for key, v in fields.items()}
            )
            samples.append(
                dict(sample_id=name, num_classes=self.num_classes, **fields)
            )
        with atomic_write(str(path)) as file:
            pickle.dump(samples, file, protocol=4)


def _ids(samples: Sequence[Mapping[str, Any]], path: str) -> List[str]:
    try:
        return [sample_id_of(sample) for sample in samples]
    except KeyError:
        raise PredictionsError(
            f'the samples in {path} have no names, so they cannot be matched '
            "to those of another file: add meta_keys=('sample_id',) (with "
            "PoseDataset: meta_keys=('frame_dir',)) to PackActionInputs in "
            'the test pipeline, and test again'
        ) from None


def _table(
    samples: Sequence[Mapping[str, Any]], ids: Sequence[str], path: str
) -> Tensor:
    """The scores as they are in the file, ``(N, C)``."""
    rows = []
    for sample, name in zip(samples, ids):
        row = sample.get('pred_score')
        if row is None:  # MMAction2 1.1
            row = (sample.get('pred_scores') or {}).get('item')
        if not isinstance(row, Tensor):
            raise PredictionsError(
                f'sample {name} in {path} has no class scores (pred_score): '
                'this needs the predictions of a classifier, as '
                'tools/test.py --dump writes them for a finetune config'
            )
        if row.ndim != 1:
            raise PredictionsError(
                f'sample {name} in {path} has scores of shape '
                f'{tuple(row.shape)} instead of (classes,): let the head '
                "average the clips, cls_head=dict(average_clips='prob')"
            )
        if len(row) < 2 or len(row) != len(rows[0] if rows else row):
            raise PredictionsError(
                f'sample {name} in {path} has {len(row)} class score(s), the '
                f'first one has {len(rows[0] if rows else row)}: every sample '
                'needs the same number of them, two or more'
            )
        rows.append(row)
    table = torch.stack(rows)
    bad = ~table.isfinite().all(1)
    if bad.any():
        raise PredictionsError(
            f'{path} has scores that are not finite, for {int(bad.sum())} '
            f'sample(s) such as {ids[int(bad.int().argmax())]}: the model '
            'that predicted them has diverged'
        )
    return table


def _labels(
    samples: Sequence[Mapping[str, Any]],
    ids: Sequence[str],
    num_classes: int,
    path: str,
) -> Optional[np.ndarray]:
    labels = []
    for sample, name in zip(samples, ids):
        try:
            label = label_of(sample)
        except (AttributeError, RuntimeError, TypeError, ValueError):
            raise PredictionsError(
                f'the label of sample {name} in {path} is not one class '
                'index: several labels a sample are not supported'
            ) from None
        if label is not None and not 0 <= label < num_classes:
            raise PredictionsError(
                f'sample {name} in {path} has label {label}, but there are '
                f'scores for classes 0 to {num_classes - 1} only'
            )
        labels.append(label)
    absent = [name for name, label in zip(ids, labels) if label is None]
    if len(absent) == len(ids):
        return None
    if absent:
        raise PredictionsError(
            f'{len(absent)} of {len(ids)} samples in {path} have no label, '
            f'such as {absent[0]}: label all of them or none'
        )
    return np.array(labels, dtype=np.int64)


def _probabilities(
    table: Tensor, ids: Sequence[str], path: str, verbose: bool
) -> np.ndarray:
    """Scores ``(N, C)`` as float64 probabilities, by softmax if need be."""
    tolerance = _TOLERANCE
    if table.is_floating_point():  # half precision rounds more than that
        tolerance = max(tolerance, 2 * torch.finfo(table.dtype).eps)
    table = table.double()
    ready = (table >= 0).all(1) & ((table.sum(1) - 1).abs() <= tolerance)
    if ready.any() and not ready.all():
        raise PredictionsError(
            f'{path} mixes scores: {int(ready.sum())} of {len(ids)} samples '
            f'have probabilities (such as {ids[int(ready.int().argmax())]}) '
            f'and the others (such as {ids[int(ready.int().argmin())]}) have '
            'not; it must be one or the other, so test again with one model'
        )
    if ready.all():
        done = 'hold probabilities, used as they are'
    else:
        done = 'are no probabilities, so softmax is applied to them'
        table = table.softmax(1)
    if verbose:
        MMLogger.get_current_instance().info(f'The scores in {path} {done}.')
    return table.numpy()


def _read(path: str) -> List[dict]:
    """The data samples in a file, with only the tensors of _TENSORS."""
    if not fileio.exists(path):
        raise FileNotFoundError(
            f'predictions {path} do not exist; tools/test.py writes them '
            'with --dump FILE'
        )
    try:
        with fileio.get_local_path(path) as local, open(local, 'rb') as file:
            samples = _to_plain(_ResultsUnpickler(file).load(), {})
        plain = isinstance(samples, list) and all(
            isinstance(sample, dict) for sample in samples
        )
        if plain:
            for sample in samples:
                for key in _TENSORS:
                    if key in sample:
                        sample[key] = _tensors(sample[key])
    except _RefusedGlobal as error:
        raise PredictionsError(
            f'{path} asks for {error}, which predictions do not need, and '
            'was not loaded: keep only names and numbers in meta_keys, and '
            'distrust the file if it is not your own'
        ) from None
    except Exception as error:  # unpickling bad bytes raises many types
        raise PredictionsError(
            f'{path} is not a readable pickle of predictions '
            f'({type(error).__name__}: {error}); it may be damaged or cut '
            'short: write it again'
        ) from error
    if not plain or not samples:
        raise PredictionsError(
            f'{path} is not a list of predictions, one dict a sample, as '
            'tools/test.py --dump writes it'
        )
    return samples


class _ResultsUnpickler(_PlainUnpickler):
    """Admits plain data, NumPy arrays and tensors."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of an admitted global."""
        if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
            return _StandIn(_TensorRecord)
        if (module, name) == ('torch.storage', '_load_from_bytes'):
            return _StandIn(_StorageRecord)
        return super().find_class(module, name)


class _StorageRecord:
    """What a pickle says of the memory of tensors."""

    __slots__ = ('data',)
    __hash__ = None

    def __init__(self, data: bytes) -> None:
        self.data = data

    def tensor(self) -> Tensor:
        """The whole memory as one row.

        ``data`` is a file in torch's old format: three pickles of versions,
        one of a reference to the memory, one of the references, then the
        number of elements and the elements. ``torch.load`` would call what
        these pickles name, if it is on its list of what may be called.
        """
        stream = io.BytesIO(self.data)
        _, _, _, (dtype, count), _ = [
            _StorageUnpickler(stream).load() for _ in range(5)
        ]
        if struct.unpack('<q', stream.read(8)) != (count,):
            raise pickle.UnpicklingError('storage of another size than said')
        # A copy that can be written to: torch warns of any other.
        data = bytearray(stream.read())
        return torch.frombuffer(data, dtype=dtype, count=count)


class _StorageUnpickler(pickle.Unpickler):
    """Admits the names of storage types, which it reads as a dtype."""

    def find_class(self, module: str, name: str) -> torch.dtype:
        """The type of the elements."""
        if module not in ('torch', 'torch.cuda') or name not in _DTYPES:
            raise _RefusedGlobal(f'{module}.{name}')
        return _DTYPES[name]

    def persistent_load(self, pid: Any) -> Tuple[torch.dtype, int]:
        """The reference to the memory."""
        _, dtype, _, _, count, _ = pid
        return dtype, count


_DTYPES = dict(
    DoubleStorage=torch.float64,
    FloatStorage=torch.float32,
    HalfStorage=torch.float16,
    BFloat16Storage=torch.bfloat16,
    LongStorage=torch.int64,
    IntStorage=torch.int32,
    ShortStorage=torch.int16,
    CharStorage=torch.int8,
    ByteStorage=torch.uint8,
    BoolStorage=torch.bool,
)


class _TensorRecord:
    """What a pickle says of a tensor: a view of a storage."""

    __slots__ = ('storage', 'view')
    __hash__ = None

    def __init__(
        self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any
    ) -> None:
        self.storage = storage
        self.view = (size, stride, offset)

    def tensor(self) -> Tensor:
        """The tensor; torch checks that the view lies inside."""
        if not isinstance(self.storage, _StorageRecord):
            raise pickle.UnpicklingError('tensor without storage')
        memory = self.storage.tensor()
        if math.prod(self.view[0]) > len(memory):
            raise pickle.UnpicklingError('tensor larger than its storage')
        return memory.as_strided(*self.view)


def _tensors(value: Any) -> Any:
    """Turn records into tensors, also in the dicts of MMAction2 1.1."""
    if isinstance(value, _TensorRecord):
        return value.tensor()
    if isinstance(value, dict):
        return {key: _tensors(item) for key, item in value.items()}
    return value
