"""How good the representation is, at no extra pass."""

from __future__ import annotations

from typing import List, Optional

from mmaction.registry import HOOKS, METRICS
from mmengine.hooks import Hook

from deeprank_mm.arguments import check_arguments

from ..extraction import unwrap


@HOOKS.register_module()
class BankEvalHook(Hook):
    """Evaluates the fresh banks of each cycle with frozen-feature metrics.

    At a refresh the features of the training and of the held-out samples are
    there anyway, from the same encoder. Their classes, where the annotations
    have them, say how much pretraining has gained so far; nothing is trained
    or chosen by them. The encoder at the very end is evaluated on the test
    split, with ``tools/test.py``.

    Args:
        metrics (list[dict], optional): Configs of
            :class:`~deeprank_mm.evaluation.SupportMetric` subclasses.
            Defaults to ``KNNMetric`` and ``LinearProbeMetric(fractions=[1])``.
    """

    # right after RankLabelHook
    priority = 'LOW'

    @check_arguments
    def __init__(self, metrics: Optional[List[dict]] = None) -> None:
        if metrics is None:
            metrics = [
                dict(type='KNNMetric'),
                dict(type='LinearProbeMetric', fractions=[1.0]),
            ]
        self.metrics = [METRICS.build(cfg) for cfg in metrics]
        self._seen = None

    def before_train(self, runner) -> None:
        """A resumed cycle has been evaluated already."""
        self._seen = unwrap(runner.model).train_bank

    def before_train_epoch(self, runner) -> None:
        """Evaluate the banks if they are new."""
        self._evaluate(runner)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """Evaluate the banks if they are new."""
        self._evaluate(runner)

    def _evaluate(self, runner) -> None:
        ranker = unwrap(runner.model)
        train, val = ranker.train_bank, ranker.val_bank
        if train is self._seen or val is None:
            return
        self._seen = train
        if train.labels is None or val.labels is None:
            return
        scalars = {}
        for metric in self.metrics:
            scalars.update(metric.compare(train, val))
        text = ', '.join(f'{key} {v:.3f}' for key, v in scalars.items())
        runner.logger.info(f'Held-out samples, before this cycle: {text}')
        runner.visualizer.add_scalars(
            {f'cycle/{key}': value for key, value in scalars.items()},
            step=runner.iter,
        )
