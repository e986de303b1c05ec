"""One inference pass over a data set: features for a bank."""

from __future__ import annotations

import contextlib
import os
import os.path as osp
from typing import Any, BinaryIO, Dict, Iterator, List, Tuple

import numpy as np
import torch
import torch.nn as nn
from mmengine.dataset import pseudo_collate
from mmengine.dist import (
    all_gather_object,
    broadcast_object_list,
    get_dist_info,
)
from mmengine.model import is_model_wrapper
from rich import get_console
from rich.progress import track
from torch.utils.data import DataLoader, Dataset

from deeprank_mm.atomic import PARTIAL
from deeprank_mm.structures import (
    FeatureBank,
    MappedFeatureBank,
    check_finite,
    check_packed,
    label_of,
    merge_rows,
    sample_id_of,
)


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside any distributed wrapper.

    Args:
        model (nn.Module): A model, wrapped or not.

    Returns:
        nn.Module: The model itself.
    """
    return model.module if is_model_wrapper(model) else model


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model in eval mode for a while, then each module back as it was.

    ``model.train()`` afterwards would not do: it also wakes modules that
    were frozen in eval mode on purpose.

    Args:
        model (nn.Module): The model.

    Yields:
        None: With the model in eval mode.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def feature_loader(
    dataset: Dataset, batch_size: int = 64, num_workers: int = 0
) -> DataLoader:
    """Loader that goes through a data set once, shared between processes.

    Unlike mmengine's samplers it never pads: each sample is read by exactly
    one process. Its generator is its own, so that extracting features does
    not shift the random numbers of training.

    Args:
        dataset (Dataset): With a deterministic pipeline.
        batch_size (int): Samples a batch. Defaults to 64.
        num_workers (int): Worker processes. Defaults to 0.

    Returns:
        DataLoader: Over this process's samples.
    """
    rank, world_size = get_dist_info()
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=range(rank, len(dataset), world_size),
        num_workers=num_workers,
        collate_fn=pseudo_collate,
        generator=torch.Generator().manual_seed(0),
    )


def check_deterministic(dataset: Dataset, samples: int = 3) -> None:
    """Refuse a pipeline that gives the same sample twice differently.

    Labels made from randomly cropped or rotated skeletons would be noise
    that no later step could notice.

    Args:
        dataset (Dataset): The data set to extract from.
        samples (int): How many samples to try. Defaults to 3.

    Raises:
        ValueError: If two readings of a sample differ, or hold no inputs.
    """
    state = np.random.get_state(), torch.get_rng_state()
    try:
        for index in range(min(samples, len(dataset))):
            readings = [dataset[index] for _ in range(2)]
            check_packed(readings[0])
            one, two = (reading['inputs'] for reading in readings)
            # NaN, which equals nothing, is for the bank to complain of
            if torch.is_tensor(one) and not torch.equal(
                one.nan_to_num(), two.nan_to_num()
            ):
                raise ValueError(
                    'The pipeline for label extraction is random (two '
                    f'readings of sample {index} differ): give the label hook '
                    'a `pipeline` without random steps, such as the '
                    'validation pipeline.'
                )
    finally:
        np.random.set_state(state[0])
        torch.set_rng_state(state[1])


@torch.no_grad()
def extract_features(
    model: nn.Module,
    loader: DataLoader,
    description: str = 'Extracting features',
) -> FeatureBank:
    """Run every sample through the encoders in eval mode.

    Args:
        model (nn.Module): A :class:`.MultiViewRanker`, or any model with its
            ``extract_feat``; wrapped or not.
        loader (DataLoader): From :func:`feature_loader`.
        description (str): What the progress bar says, on rank 0 only.

    Returns:
        FeatureBank: Of the whole data set, the same on all processes.

    Raises:
        RuntimeError: If a sample of the data set did not come out.
    """
    ids: List[str] = []
    labels: List[Any] = []
    chunks: Dict[str, List[torch.Tensor]] = {}
    for names, classes, features in _batches(model, loader, description):
        ids += names
        labels += classes
        for name, value in features.items():
            chunks.setdefault(name, []).append(value)
    mine = (ids, labels, {k: torch.cat(v) for k, v in chunks.items()})
    parts = [part for part in all_gather_object(mine) if part[0]]
    ids = [i for part in parts for i in part[0]]
    labels = [i for part in parts for i in part[1]]
    features = {
        name: torch.cat([part[2][name] for part in parts])
        for name in (parts[0][2] if parts else ())
    }
    _check_complete(len(ids), loader)
    known = all(label is not None for label in labels)
    return FeatureBank(ids, features, labels if known else None)


@torch.no_grad()
def extract_to_file(
    model: nn.Module,
    loader: DataLoader,
    path: str,
    dtype: str = 'float32',
    description: str = 'Extracting features',
) -> MappedFeatureBank:
    """The same for a bank that does not fit into memory.

    Every process writes the rows of its samples to a file of its own beside
    the bank's, which rank 0 then merges; all of them see the same folder.
    Rows are never sent.

    Args:
        model (nn.Module): See :func:`extract_features`.
        loader (DataLoader): From :func:`feature_loader`.
        path (str): The bank's file, written atomically.
        dtype (str): One of :data:`~deeprank_mm.structures.BANK_DTYPES`.
            Defaults to ``'float32'``.
        description (str): What the progress bar says, on rank 0 only.

    Returns:
        MappedFeatureBank: Of the whole data set, on all processes.

    Raises:
        OSError: If a file cannot be written; the error names it.
        RuntimeError: If a sample of the data set did not come out.
        ValueError: If a feature is not finite, also as ``dtype``.
    """
    rank, _ = get_dist_info()
    part: Dict[str, Any] = dict(
        ids=[], labels=[], widths={}, files={}, problem=None
    )
    os.makedirs(osp.dirname(path) or '.', exist_ok=True)
    with contextlib.ExitStack() as stack:
        files: Dict[str, BinaryIO] = {}
        for names, classes, features in _batches(model, loader, description):
            part['ids'] += names
            part['labels'] += classes
            for name, value in features.items():
                if name not in files:
                    own = f'{path}.{rank}.{name}{PARTIAL}'
                    stack.callback(_remove, own)
                    files[name] = stack.enter_context(open(own, 'wb'))
                    part['files'][name] = own
                    part['widths'][name] = value.shape[1]
                value = value.to(getattr(torch, dtype))
                try:
                    check_finite(names, name, value)
                except ValueError as error:
                    # told to all after the gathering, for which they wait
                    part['problem'] = part['problem'] or (
                        f'{error} (As {dtype}.)'
                    )
                files[name].write(value.numpy().data)
        for file in files.values():
            file.flush()
        parts = all_gather_object(part)
        _check_complete(sum(len(p['ids']) for p in parts), loader)
        for each in parts:
            if each['problem']:
                raise ValueError(each['problem'])
        digest = [None]
        if rank == 0:
            merge_rows(path, parts, dtype)
            digest = [MappedFeatureBank(path).digest]
        broadcast_object_list(digest)
    return MappedFeatureBank(path, digest[0])


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(path)


def _check_complete(count: int, loader: DataLoader) -> None:
    if count != len(loader.dataset):
        raise RuntimeError(
            f'Features of {count} samples came out of a data set of '
            f'{len(loader.dataset)}: a sample was dropped or read twice.'
        )


def _batches(
    model: nn.Module, loader: DataLoader, description: str
) -> Iterator[Tuple[List[str], List[Any], Dict[str, torch.Tensor]]]:
    """Ids, classes and features on the CPU, of this process's samples."""
    model = unwrap(model)
    rank, _ = get_dist_info()
    quiet = rank != 0 or not get_console().is_terminal
    with evaluating(model):
        for batch in track(loader, description, transient=True, disable=quiet):
            batch = model.data_preprocessor(batch, False)
            features = model.extract_feat(batch['inputs'])
            samples = batch['data_samples']
            yield (
                [sample_id_of(s) for s in samples],
                [label_of(s) for s in samples],
                {name: v.float().cpu() for name, v in features.items()},
            )
