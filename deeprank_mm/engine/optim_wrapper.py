"""Mixed precision without a GPU."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import Any, Iterator

import torch
from mmaction.models.heads import BaseHead
from mmaction.registry import OPTIM_WRAPPERS
from mmengine.optim import OptimWrapper
from torch import nn


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """Run the forward pass in bfloat16 where the CPU can.

    mmengine's ``AmpOptimWrapper`` asserts that there is a GPU. bfloat16 has
    the range of float32, so no loss scaler is needed: weights, gradients and
    optimiser state stay in float32, and the state saved in a checkpoint is
    that of the plain ``OptimWrapper``.

    Args:
        **kwargs: As of :class:`mmengine.optim.OptimWrapper`.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast the forward pass; gradient accumulation as in the base.

        MMAction2's heads turn their scores into numpy arrays for the
        training accuracy, and numpy has no bfloat16: while the context is
        open, the scores of such heads leave them as float32.

        Args:
            model: The model that is trained, wrapped or not.

        Yields:
            Nothing: the body runs under autocast.
        """
        with ExitStack() as stack:
            for module in model.modules():
                if isinstance(module, BaseHead):
                    # The handle removes its hook when the context closes.
                    stack.enter_context(
                        module.register_forward_hook(_scores_in_float32)
                    )
            stack.enter_context(super().optim_context(model))
            stack.enter_context(torch.autocast('cpu', dtype=torch.bfloat16))
            yield


def _scores_in_float32(module: nn.Module, args: tuple, scores: Any) -> Any:
    return scores.float() if isinstance(scores, torch.Tensor) else scores
