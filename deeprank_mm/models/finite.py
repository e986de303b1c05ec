"""A loss that is not finite stops the run, with the samples it came from."""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping, Sequence

import torch
import torch.nn as nn
from mmengine.dist import get_world_size
from mmengine.structures import BaseDataElement
from torch import Tensor

from deeprank_mm.structures import sample_id_of

_MAX_NAMED = 8


def check_losses(
    model: nn.Module,
    inputs: Any,
    data_samples: Sequence[Any],
    losses: Mapping[str, Any],
) -> None:
    """Raise before such a loss reaches the weights.

    The one number looked at is the sum of all losses, before mixed precision
    scales it: overflowing *gradients*, which a gradient scaler skips, are
    none of its business. Reading it back from a GPU waits for the forward
    pass, as MMAction2's heads do for their training accuracy, and
    mmengine's ``RuntimeInfoHook`` once more at the end of every step.

    Only if it is not finite the samples are looked for: first those whose
    input is not finite, then those whose features are not when they pass the
    encoder alone (in a batch, BatchNorm spreads one sample's NaN over all).

    Args:
        model (nn.Module): The model, whose ``extract_feat`` takes inputs.
        inputs (Tensor or Mapping): The batch, ``(B, ...)`` each.
        data_samples (Sequence): ``B`` data samples.
        losses (Mapping[str, Tensor or list]): As ``model.loss`` returns them.

    Raises:
        ValueError: A loss is NaN or infinite; the message names the samples.
    """
    values = {
        name: sum(tensor.detach().sum() for tensor in _tensors(value))
        for name, value in losses.items()
        if 'loss' in name
    }
    if torch.as_tensor(sum(values.values())).isfinite():
        return
    named = ', '.join(f'{key} {float(v):g}' for key, v in values.items())
    raise ValueError(
        f'The training loss is not finite ({named}), and nothing was learnt '
        f'from it: {_reason(model, inputs, data_samples)}'
    )


def check_features(
    model: nn.Module,
    inputs: Any,
    data_samples: Sequence[Any],
    features: Mapping[str, Tensor],
) -> None:
    """Raise before other processes get such features.

    Their losses would not be finite either, and their errors, which cannot
    name these samples, might come first.

    Args:
        model (nn.Module): See :func:`check_losses`.
        inputs (Tensor or Mapping): Likewise.
        data_samples (Sequence): Likewise.
        features (Mapping[str, Tensor]): For each modality ``(B, D)``.

    Raises:
        ValueError: A feature is NaN or infinite; the message names samples.
    """
    if not all_finite(features):
        raise ValueError(
            'The features of a training batch are not finite, and nothing '
            f'was learnt from it: {_reason(model, inputs, data_samples)}'
        )


def sample_names(data_samples: Sequence[Any]) -> List[str]:
    """What to call the samples of a batch.

    Args:
        data_samples (Sequence): Data samples or their dicts.

    Returns:
        list[str]: Their ids, quoted, or their places where they have none.
    """
    names = []
    for place, sample in enumerate(data_samples):
        try:
            names.append(repr(sample_id_of(sample)))
        except KeyError:
            names.append(f'number {place} of the batch')
    return names


def all_finite(value: Any) -> bool:
    """Whether all numbers in nested containers of tensors are finite.

    Args:
        value (Any): Tensors, or containers of them; the rest is ignored.

    Returns:
        bool: True if no floating-point tensor holds NaN or infinity.
    """
    finite = [
        tensor.isfinite().all()
        for tensor in _tensors(value)
        if tensor.is_floating_point()
    ]
    return bool(torch.stack(finite).all()) if finite else True


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more.

    Args:
        names (Sequence[str]): From :func:`sample_names`.

    Returns:
        str: At most eight of them.
    """
    more = len(names) - _MAX_NAMED
    text = ', '.join(names[:_MAX_NAMED])
    return f'{text} and {more} more' if more > 0 else text


@torch.no_grad()
def _reason(model: nn.Module, inputs: Any, data_samples: Sequence[Any]) -> str:
    names = sample_names(data_samples)
    bad = [
        name
        for i, name in enumerate(names)
        if not all_finite(_twice(inputs, i))
    ]
    if bad:
        return (
            f'the inputs of {len(bad)} of {len(names)} samples are NaN or '
            f'infinite, {listed(bad)}: repair or remove them '
            '(tools/data/check.py finds such samples), or look at the '
            'pipeline.'
        )
    try:
        bad = [
            name
            for i, name in enumerate(names)
            if not all_finite(model.extract_feat(_twice(inputs, i)))
        ]
    except Exception:  # a model that takes its inputs otherwise
        return f'look at the samples of the batch, {listed(names)}.'
    if bad and len(bad) == len(names):
        return (
            'the features of all samples are NaN or infinite, so the weights '
            'have diverged: lower the learning rate or clip gradients. The '
            f'batch was {listed(bad)}.'
        )
    if bad:
        return (
            f'the features of {len(bad)} of {len(names)} samples are NaN or '
            f'infinite, {listed(bad)}: look at their coordinates, which may '
            'be huge, and remove them or scale all data.'
        )
    where = ' of this process' if get_world_size() > 1 else ''
    return (
        f'the features of every sample{where} are finite, so it is the head '
        'that overflows: lower the learning rate or clip gradients. The '
        f'batch was {listed(names)}.'
    )


def _twice(inputs: Any, index: int) -> Any:
    """One sample, two times: a single one may leave BatchNorm no variance."""
    if isinstance(inputs, Mapping):
        return {key: _twice(value, index) for key, value in inputs.items()}
    return torch.stack([inputs[index]] * 2)


def _tensors(value: Any) -> Iterator[Tensor]:
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, (Mapping, BaseDataElement)):
        for _, item in value.items():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
