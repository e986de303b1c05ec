"""The same data through another pipeline."""

import copy
from collections.abc import Sequence
from typing import Any, Callable, Union

from mmengine.dataset import BaseDataset, Compose
from torch.utils.data import ConcatDataset, Dataset, Subset

__all__ = ['with_pipeline']

Pipeline = Union[Compose, Sequence[Union[dict, Callable]]]


def with_pipeline(dataset: Any, pipeline: Pipeline) -> Dataset:
    """View a data set through another pipeline, without a copy of the data.

    The view has every distinct sample once and in order: wrappers that only
    repeat samples (mmengine's ``RepeatDataset`` and
    ``ClassBalancedDataset``, and others with an attribute ``dataset``) are
    taken off, ``ConcatDataset`` is kept around views of its parts, and
    torch's ``Subset`` stays a subset. It is in test mode: no sample is
    replaced by another one, and a pipeline that returns None is an error.

    Args:
        dataset (BaseDataset or wrapper): The data, of any mmengine data set
            (MMAction2's ``PoseDataset``, for instance). Stays as it is, but
            that a lazy one is initialised, so that the data are shared.
        pipeline (list[dict | callable] or Compose): What the view applies.

    Returns:
        Dataset: The view, a ``BaseDataset``, ``ConcatDataset`` or
        ``Subset``.

    Raises:
        TypeError: The data set is of another kind.
        ValueError: A ``Subset`` chooses from a wrapper that is taken off, so
            that its indices mean nothing in the view.
    """
    if not isinstance(pipeline, Compose):
        pipeline = Compose(pipeline)
    return _view(dataset, pipeline)


def _view(dataset: Any, pipeline: Compose) -> Dataset:
    if isinstance(dataset, BaseDataset):
        dataset.full_init()
        view = copy.copy(dataset)  # shallow: data_bytes is the same array
        view.pipeline = pipeline
        view.test_mode = True
        return view
    if isinstance(dataset, ConcatDataset):
        view = copy.copy(dataset)
        view.datasets = [_view(part, pipeline) for part in dataset.datasets]
        # Parts without their wrappers may be shorter. mmengine's lazy class
        # would count again in full_init, which is done with this.
        view.cumulative_sizes = ConcatDataset.cumsum(view.datasets)
        view._fully_initialized = True
        return view
    if isinstance(dataset, Subset):
        inner = _view(dataset.dataset, pipeline)
        if len(inner) != len(dataset.dataset):
            raise ValueError(
                'a Subset of a '
                f'{type(dataset.dataset).__name__} has indices of repeated '
                'samples; wrap the Subset and not the other way round, or '
                'use the indices= of the data set'
            )
        return Subset(inner, dataset.indices)
    if hasattr(dataset, 'dataset'):
        return _view(dataset.dataset, pipeline)
    raise TypeError(
        f'cannot replace the pipeline of a '
        f'{type(dataset).__name__}; expected an mmengine '
        'BaseDataset or a wrapper of one'
    )
