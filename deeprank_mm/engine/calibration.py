"""BatchNorm statistics for an encoder that has not been trained."""

from __future__ import annotations

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

    Every process passes the same samples, so that the statistics do not
    depend on how many there are.

    Args:
        model (nn.Module): With ``extract_feat``; wrapped or not.
        dataset (Dataset): Read through its pipeline.
        batches (int): How many batches to average over. Defaults to 16.
        batch_size (int): Samples a batch. Defaults to 64.

    Returns:
        int: Number of layers calibrated.
    """
    model = unwrap(model)
    layers = [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    if not layers:
        return 0
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(dataset), generator=generator)
    loader = DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=order[: batches * batch_size].tolist(),
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
