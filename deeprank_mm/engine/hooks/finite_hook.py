"""NaN stops the run, and says which samples it came from."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import torch.nn as nn
from mmaction.registry import HOOKS
from mmengine.hooks import Hook

from deeprank_mm.models import ModalityEncoders
from deeprank_mm.models.finite import (
    all_finite,
    check_losses,
    listed,
    sample_names,
)

from ..extraction import unwrap


@HOOKS.register_module()
class FiniteHook(Hook):
    """Stops at the first loss or prediction that is NaN or infinite.

    mmengine trains on: the weights become NaN in one step, and the accuracy
    of NaN scores is a number like any other (the first class wins).

    Losses are looked at between the forward and the backward pass, so that
    the weights in memory, and the checkpoints, stay good. The pretraining
    models of this package do the same by themselves. In distributed training
    one process that stops ends all of them, by ``torchrun``.
    """

    def before_train(self, runner) -> None:
        """Watch the losses of the model."""
        model = unwrap(runner.model)
        if isinstance(model, ModalityEncoders):
            return  # it looks itself, also without this hook
        # Not after_train_iter: the optimiser has then made all weights NaN.
        self._handle = model.register_forward_hook(_watch, with_kwargs=True)

    def after_train(self, runner) -> None:
        """Look away."""
        if hasattr(self, '_handle'):
            self._handle.remove()

    def after_val_iter(
        self,
        runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Optional[Sequence] = None,
    ) -> None:
        """Check the predictions of a batch.

        Raises:
            ValueError: A score or feature is NaN or infinite.
        """
        _check_predictions(outputs)

    def after_test_iter(
        self,
        runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Optional[Sequence] = None,
    ) -> None:
        """Check the predictions of a batch.

        Raises:
            ValueError: A score or feature is NaN or infinite.
        """
        _check_predictions(outputs)


def _watch(model: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
    # mmengine calls models with keywords: inputs, data_samples and mode
    if kwargs.get('mode') == 'loss' and isinstance(output, dict):
        check_losses(
            model, kwargs['inputs'], kwargs.get('data_samples') or (), output
        )


def _check_predictions(outputs: Optional[Sequence]) -> None:
    if all_finite(outputs):
        return
    names = sample_names(outputs)
    bad = [name for name, o in zip(names, outputs) if not all_finite(o)]
    raise ValueError(
        f'The predictions of {len(bad)} of {len(names)} samples of a batch '
        f'are NaN or infinite, {listed(bad)}: look at these samples '
        '(tools/data/check.py), or at the weights if it is all of them.'
    )
