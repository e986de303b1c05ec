"""BatchNorm statistics for an encoder that has not been trained."""

from __future__ import annotations

from typing import Sequence

import torch
import torch.nn as nn
from mmengine.dataset import pseudo_collate
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader, Dataset

from .extraction import evaluating, unwrap


@torch.no_grad()
def calibrate_batch_norm(
    model: nn.Module, dataset: Dataset, batches: int = 16, batch_size: int = 64
) -> int:
    """Estimate running means and variances without changing a weight.

    A fresh encoder has statistics 0 and 1. In eval mode its features are
    then nearly constant: an unfairly weak baseline, and poor first labels.
    Layers that have seen data, in training or in that of the checkpoint that
    was loaded, stay as they are.

    Every process passes the same samples, so that the statistics do not
    depend on how many there are.

    Args:
        model (nn.Module): With ``extract_feat``; wrapped or not.
        dataset (Dataset): Read through its pipeline.
        batches (int): How many batches to average over. Defaults to 16.
        batch_size (int): Samples a batch. Defaults to 64. Samples that are
            left over are a batch of their own, or, if too few, part of the
            last one.

    Returns:
        int: Number of layers calibrated.
    """
    model = unwrap(model)
    layers = [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm)
        and module.track_running_stats
        and not module.num_batches_tracked
    ]
    if not layers:
        return 0
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(dataset), generator=generator)
    loader = DataLoader(
        dataset,
        batch_sampler=_parts(
            order[: batches * batch_size].tolist(), batch_size
        ),
        collate_fn=pseudo_collate,
        generator=generator,
    )
    momenta = [layer.momentum for layer in layers]
    with evaluating(model):
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain average over the batches
            layer.train()
        for batch in loader:
            batch = model.data_preprocessor(batch, False)
            model.extract_feat(batch['inputs'])
    for layer, momentum in zip(layers, momenta):
        layer.momentum = momentum
    return len(layers)


def _parts(order: Sequence[int], batch_size: int) -> list[Sequence[int]]:
    """Batches whose plain average is a good one.

    Each counts the same. So the samples left over join the last batch where
    alone they would add more noise to the average than all the full batches
    together: one of 65 samples would otherwise count for half.
    """
    full, rest = divmod(len(order), batch_size)
    count = max(full, 1)
    if full and rest * full >= batch_size:
        count += 1
    starts = [part * batch_size for part in range(count)]
    return [order[i:j] for i, j in zip(starts, [*starts[1:], len(order)])]
