"""Encoders that torch.compile makes faster."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from typing import Optional

import torch
from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from torch import nn

from ..extraction import unwrap


@HOOKS.register_module()
class CompileHook(Hook):
    """Compiles the encoders of a pretraining model, or the backbone.

    mmengine's own ``compile=True`` compiles the training step alone, through
    whose bookkeeping of samples no graph leads. The encoders are nearly all
    of the work, and one of them serves training, validation and label
    refresh. They are compiled in place: names in checkpoints stay the same,
    so that runs with and without can resume each other.

    Args:
        **options: For ``torch.compile``, such as ``mode`` or ``backend``.

    Raises:
        TypeError: If ``torch.compile`` has no such option.
    """

    # before anything runs the model
    priority = 'VERY_HIGH'

    def __init__(self, **options) -> None:
        torch.compile(nn.Identity(), **options)  # complains now
        self.options = options

    def before_run(self, runner) -> None:
        """Compile, after a look whether that works here.

        Raises:
            RuntimeError: If there is no compiler that works.
            TypeError: If the model has neither encoders nor a backbone.
        """
        model = unwrap(runner.model)
        if hasattr(model, 'encoders'):
            parts = list(model.encoders.values())
        elif hasattr(model, 'backbone'):
            parts = [model.backbone]
        else:
            raise TypeError(
                'CompileHook compiles `encoders` or a `backbone`, which a '
                f'{type(model).__name__} does not have.'
            )
        device = next(model.parameters()).device
        self._try(device)
        for part in parts:
            part.compile(**self.options)
        runner.logger.info(
            f'{len(parts)} encoder(s) are compiled at first use, for each '
            'mode and batch size: the first iterations take long.'
        )

    def _try(self, device: torch.device) -> None:
        """Compile something small, whose failure can be explained."""
        problem = None
        if self.options.get('backend', 'inductor') == 'inductor':
            problem = compiler_problem(device.type)
        if problem is None:
            small = torch.compile(nn.Softplus(), **self.options)
            try:
                small(torch.ones(2, device=device))
            except Exception as error:  # whatever a compiler does
                # the first line may only say whose error the second is
                said = ' '.join(str(error).split('\n')[:2]).strip()
                problem = f'it failed ({said}), repair the compiler'
        if problem is not None:
            raise RuntimeError(
                f'torch.compile cannot be used here: {problem}, or train '
                'without --compile (CompileHook).'
            )


def compiler_problem(device: str) -> Optional[str]:
    """Whether what torch.compile calls is there; whether it works is not said.

    Args:
        device (str): ``'cpu'`` or another device's type.

    Returns:
        str or None: What is missing, and what to do about it.
    """
    if not hasattr(nn.Module, 'compile'):
        return f'PyTorch {torch.__version__} is older than 2.2, update it'
    if device != 'cpu':
        if importlib.util.find_spec('triton') is None:
            return 'there is no Triton, install it'
        return None
    usual = dict(darwin='clang++', win32='cl').get(sys.platform, 'g++')
    name = os.environ.get('CXX') or usual
    if shutil.which(name) is None:
        return (
            f'there is no C++ compiler {name!r}, install one or name one by '
            'the environment variable CXX'
        )
    return None
