"""How good the representation is, cycle after cycle and in the end."""

from __future__ import annotations

from typing import List, Optional

from mmaction.registry import HOOKS, METRICS
from mmengine.hooks import Hook

from deeprank_mm.arguments import check_arguments
from deeprank_mm.structures import FeatureBank, MappedFeatureBank

from ..extraction import unwrap
from .label_cycle_hook import LabelCycleHook

# Numbers in a bank of descriptors that is still evaluated: a minute's work.
_MOST = 1 << 25


@HOOKS.register_module()
class BankEvalHook(Hook):
    """Evaluates the fresh banks of each cycle with frozen-feature metrics.

    At a refresh the features of the training and of the held-out samples are
    there anyway, from the same encoder. Their classes, where the annotations
    have them, say how much pretraining has gained so far; nothing is trained
    or chosen by them. When training ends, features are extracted once more
    and evaluated likewise, unless banks are in files because memory does not
    hold them. If the first labels come from another encoder
    (``first_encoder`` of :class:`RankLabelHook`), the untrained one is
    evaluated beside it, unless banks are in files, and itself, unless its
    features are too many for a linear classifier. A run that trains on its
    validation samples, too (``holdout=None``), has nobody to evaluate: the
    log says so. What counts is the test split, with ``tools/test.py``.

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
        self._said = False

    def before_train(self, runner) -> None:
        """A resumed cycle has been evaluated already."""
        self._seen = unwrap(runner.model).train_bank

    def before_train_epoch(self, runner) -> None:
        """Evaluate the banks if they are new."""
        self._evaluate(runner)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """Evaluate the banks if they are new."""
        self._evaluate(runner)

    def after_train(self, runner) -> None:
        """Evaluate the encoder that has come out."""
        if self._somebody_held_out(runner):
            self._evaluate_encoder(runner, 'Trained', 'after training')

    def _evaluate(self, runner) -> None:
        ranker = unwrap(runner.model)
        train, val = ranker.train_bank, ranker.val_bank
        if train is self._seen:
            return
        self._seen = train
        if not self._somebody_held_out(runner):
            return
        when = 'before this cycle'
        hook = _label_hook(runner)
        if hook and hook.cycle == 1 and hook.first_encoder:
            # the bank is of another encoder than the one that learns
            if sum(v.numel() for v in train.features.values()) <= _MOST:
                self._log(runner, train, val, 'first labels', record=False)
            self._evaluate_encoder(runner, 'Untrained', when)
        else:
            self._log(runner, train, val, when)

    def _somebody_held_out(self, runner) -> bool:
        """Whether there are classes, and samples that are not trained on."""
        ranker = unwrap(runner.model)
        train, val = ranker.train_bank, ranker.val_bank
        if not _has_classes(train, val):
            return False
        shared = train.shared(val)
        if shared and not self._said:
            self._said = True
            runner.logger.info(
                f'{len(shared)} of {len(val)} validation samples are trained '
                'on: no accuracy of held-out samples. What features are '
                'worth, tools/test.py says.'
            )
        return not shared

    def _evaluate_encoder(self, runner, which: str, when: str) -> None:
        """Extract features anew, where memory holds them."""
        hook = _label_hook(runner)
        bank = unwrap(runner.model).train_bank
        if hook and not isinstance(bank, MappedFeatureBank):
            banks = hook.current_features(f'{which} encoder')
            self._log(runner, banks['train'], banks['val'], when)

    def _log(
        self,
        runner,
        train: FeatureBank,
        val: FeatureBank,
        when: str,
        record: bool = True,
    ) -> None:
        scalars = {}
        for metric in self.metrics:
            scalars.update(metric.compare(train, val))
        text = ', '.join(f'{key} {v:.3f}' for key, v in scalars.items())
        runner.logger.info(f'Held-out samples, {when}: {text}')
        if record:
            runner.visualizer.add_scalars(
                {f'cycle/{key}': value for key, value in scalars.items()},
                step=runner.iter,
            )


def _label_hook(runner) -> Optional[LabelCycleHook]:
    """The hook that refreshes the banks of this run."""
    hooks = [h for h in runner.hooks if isinstance(h, LabelCycleHook)]
    return hooks[0] if hooks else None


def _has_classes(*banks: Optional[FeatureBank]) -> bool:
    """Whether all of them are there, and tell classes apart.

    Files of unlabelled sequences often have label 0 throughout.
    """
    return all(
        bank is not None
        and bank.labels is not None
        and len(bank.labels.unique()) > 1
        for bank in banks
    )
