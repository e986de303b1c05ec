"""Faults to plant into a run by its config, on one process or on all.

A config asks for them by ``custom_imports=dict(imports=['tests.faults'])``.
"""

import os
import signal
import time

from mmaction.registry import HOOKS, METRICS, TRANSFORMS
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from torch.nn.modules.batchnorm import _BatchNorm

MESSAGE = 'the planted fault'


def here(rank):
    """Whether this process, or the one it loads data for, is meant."""
    return rank is None or rank == int(os.environ.get('RANK', 0))


def strike(kind):
    if kind == 'error':
        raise RuntimeError(f'{MESSAGE} on rank {os.environ.get("RANK", 0)}')
    if kind == 'kill':
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == 'hang':
        time.sleep(3600)


@TRANSFORMS.register_module()
class FaultyTransform:
    """Passes samples through, until the ``after + 1``-th."""

    def __init__(self, kind='error', after=0, rank=None):
        self.kind, self.after, self.rank = kind, after, rank
        self.seen = 0

    def __call__(self, results):
        self.seen += 1
        if self.seen > self.after and here(self.rank):
            if self.kind == 'nan':
                results['keypoint'] = results['keypoint'] * float('nan')
            else:
                strike(self.kind)
        return results


@HOOKS.register_module()
class FaultyHook(Hook):
    """Fails at the ``after + 1``-th visit of a point."""

    priority = 'LOWEST'

    def __init__(self, point, kind='error', after=0, rank=None):
        self.kind, self.after, self.rank = kind, after, rank
        self.seen = 0
        setattr(self, point, self._visit)

    def _visit(self, runner, *args, **kwargs):
        self.seen += 1
        if self.seen > self.after and here(self.rank):
            strike(self.kind)


@METRICS.register_module()
class FaultyMetric(BaseMetric):
    """Fails where metrics are computed, which is on the first process."""

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        strike('error')


@HOOKS.register_module()
class FrozenNorm(Hook):
    """No fault, but no batch statistics: they differ between processes."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for module in runner.model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
