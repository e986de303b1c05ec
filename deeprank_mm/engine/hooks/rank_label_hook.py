"""The cycle of DeepRank: extract features, fix the labels, train, repeat."""

from __future__ import annotations

import copy
import time
from typing import Dict, List, Optional

import torch
from mmaction.registry import HOOKS
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import Dataset

from deeprank_mm.arguments import check_arguments
from deeprank_mm.datasets import with_pipeline
from deeprank_mm.evaluation import RankingMetric
from deeprank_mm.models.rankers.multi_view_ranker import (
    MIN_BATCH,
    MultiViewRanker,
)
from deeprank_mm.structures import FeatureBank

from ..bank_files import BankFiles
from ..calibration import calibrate_batch_norm
from ..equal_batches import check_equal_batches
from ..extraction import (
    check_deterministic,
    extract_features,
    feature_loader,
    unwrap,
)
from ..label_statistics import (
    cycle_statistics,
    view_disagreement,
    without_disagreement,
)
from ..plateau import Plateau
from .checkpoint_hook import save_end

_STATE_KEY = 'rank_label_hook'


@HOOKS.register_module()
class RankLabelHook(Hook):
    """Re-extracts features and so refreshes the ranking labels each cycle.

    Labels stay fixed within a cycle. A new one starts

    - with ``interval=None`` (the paper: "until the validation loss becomes
      stable"), when the ranking loss of the held-out samples has not fallen
      by ``min_delta`` for ``patience`` validations, or
    - every ``interval`` epochs (iterations in an iteration-based loop).

    When cycle ``max_cycles`` is over, training stops with a saved
    checkpoint; no features are extracted that nobody will train on.

    What the paper leaves open is an option: the head goes on, momentum goes
    on and the learning rate goes on by default. Labels of two classes, closer
    and farther, keep their meaning over a refresh, unlike cluster numbers.

    Features are extracted in eval mode with a deterministic pipeline, put
    into the same data (no second copy). Before the very first extraction
    BatchNorm statistics are calibrated.

    Args:
        interval (int, optional): Fixed length of a cycle. Defaults to None:
            plateau.
        patience (int): Validations without progress. Defaults to 3.
        min_delta (float): Progress is a fall of the loss by at least this
            much. Defaults to 0.001.
        monitor (str): Validation metric judged, the sum over modalities and
            views by default; ``'ranking/loss_joint_self'`` would judge one.
        max_cycles (int, optional): Defaults to 10; None means until the loop
            ends.
        pipeline (list[dict], optional): Deterministic pipeline. Defaults to
            that of ``val_dataloader``.
        batch_size (int, optional): For extraction. Defaults to that of
            training.
        num_workers (int): For extraction. Defaults to 0.
        calibrate (bool): Calibrate BatchNorm before the first extraction.
            Defaults to True.
        reset_head (bool): Re-initialise the heads at a refresh. Defaults to
            False.
        reset_momentum (bool): Forget the optimiser's state at a refresh.
            Defaults to False.
        restart_lr (bool): Start learning rate and schedulers again at a
            refresh. Defaults to False.
        collapse_threshold (float): Spread of features under which to warn.
            Defaults to 0.02.

    Raises:
        ValueError: If the interval or the number of cycles is not positive.
    """

    # before the checkpoint hook, after the optimiser's
    priority = 'BELOW_NORMAL'

    @check_arguments
    def __init__(
        self,
        interval: Optional[int] = None,
        patience: int = 3,
        min_delta: float = 1e-3,
        monitor: str = 'ranking/loss',
        max_cycles: Optional[int] = 10,
        pipeline: Optional[List[dict]] = None,
        batch_size: Optional[int] = None,
        num_workers: int = 0,
        calibrate: bool = True,
        reset_head: bool = False,
        reset_momentum: bool = False,
        restart_lr: bool = False,
        collapse_threshold: float = 0.02,
    ) -> None:
        for name, value in (
            ('interval', interval),
            ('max_cycles', max_cycles),
        ):
            if value is not None and value < 1:
                raise ValueError(
                    f'RankLabelHook: `{name}` must be 1 or more, or None; '
                    f'got {value}.'
                )
        self.interval = interval
        self.plateau = Plateau(patience, min_delta)
        self.monitor = monitor
        self.max_cycles = max_cycles
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.calibrate = calibrate
        self.reset_head = reset_head
        self.reset_momentum = reset_momentum
        self.restart_lr = restart_lr
        self.collapse_threshold = collapse_threshold

        self.cycle = 0  # refreshes so far
        self.started = 0  # epoch or iteration at which the cycle began
        self.stable = False  # the plateau has been reached
        self.files = BankFiles()
        self._resumed: Optional[dict] = None

    # -- set-up -----------------------------------------------------------

    def before_run(self, runner) -> None:
        """Keep the schedulers' first state, which a resumed run loses."""
        if self.restart_lr:
            self._first_lr = [
                group['lr'] for group in runner.optim_wrapper.param_groups
            ]
            self._first_schedule = [
                copy.deepcopy(s.state_dict())
                for s in runner.param_schedulers or []
            ]

    def before_train(self, runner) -> None:
        """Check the run, and take up the banks of a resumed one.

        Raises:
            TypeError: If the model is not a ranker.
            ValueError: If a batch cannot hold a triplet, processes have
                different numbers of batches, the extraction
                pipeline is random, or there is no validation to judge.
        """
        self._ranker = unwrap(runner.model)
        if not isinstance(self._ranker, MultiViewRanker):
            raise TypeError(
                'RankLabelHook trains a MultiViewRanker, not a '
                f'{type(self._ranker).__name__}.'
            )
        self._by_iter = isinstance(runner.train_loop, IterBasedTrainLoop)
        loader = runner.train_dataloader
        if not self._by_iter:
            check_equal_batches(loader)
        size = loader.batch_size
        if size is not None and self._ranker.pool_size(size) < MIN_BATCH:
            raise ValueError(
                f'train_dataloader.batch_size={size}: ranking needs at least '
                f'{MIN_BATCH} samples a batch, an anchor and two candidates; '
                "the paper's is 64."
            )
        if self.batch_size is None:
            self.batch_size = size or 64
        self._datasets = self._extraction_datasets(runner)
        if self.interval is None and 'val' not in self._datasets:
            raise ValueError(
                'RankLabelHook judges the plateau on a held-out part, but '
                'there is no validation: give val_dataloader a holdout '
                '(SkeletonDataset), or set `interval`.'
            )
        for dataset in self._datasets.values():
            check_deterministic(dataset)
        if self._resumed is not None:
            self._resume(runner)
            # a finished run stays finished
            self._stop_if_over(
                runner, runner.iter if self._by_iter else runner.epoch
            )

    def _extraction_datasets(self, runner) -> Dict[str, Dataset]:
        """The run's own data seen through the deterministic pipeline."""
        pipeline = self.pipeline
        held_out = None
        if runner.val_loop is not None:
            held_out = runner.val_dataloader.dataset
            if pipeline is None:
                pipeline = held_out.pipeline
        if pipeline is None:
            raise ValueError(
                'RankLabelHook extracts features with a deterministic '
                'pipeline: pass it as `pipeline`, since there is no '
                'val_dataloader to take it from.'
            )
        sources = dict(train=runner.train_dataloader.dataset)
        if held_out is not None:
            sources['val'] = held_out
        return {k: with_pipeline(v, pipeline) for k, v in sources.items()}

    # -- the cycle --------------------------------------------------------

    def before_train_epoch(self, runner) -> None:
        """Refresh the labels if a new cycle is due."""
        self._ranker.skipped_batches = 0
        if self.cycle == 0 or not self._by_iter and self._due(runner.epoch):
            self.refresh(runner)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """The same in iteration-based loops, where there is one epoch."""
        if self._by_iter and self._due(runner.iter):
            self.refresh(runner)

    def _due(self, now: int) -> bool:
        if self.interval is None:
            return self.stable
        return now - self.started >= self.interval

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ) -> None:
        """End an iteration-based run when its last cycle is over."""
        if self._by_iter:
            self._stop_if_over(runner, runner.iter + 1)

    def after_train_epoch(self, runner) -> None:
        """End an epoch-based run when its last cycle is over."""
        if self._ranker.skipped_batches:
            runner.logger.info(
                f'{self._ranker.skipped_batches} batch(es) of fewer than '
                f'{MIN_BATCH} distinct samples were skipped.'
            )
        if not self._by_iter:
            self._stop_if_over(runner, runner.epoch + 1)

    def _stop_if_over(self, runner, now: int) -> None:
        over = self.cycle == self.max_cycles and self._due(now)
        if over and not runner.train_loop.stop_training:
            runner.logger.info(
                f'Cycle {self.cycle} of {self.max_cycles} is over: training '
                'ends.'
            )
            runner.train_loop.stop_training = True

    def before_val(self, runner) -> None:
        """Lend the heads and the bank to the ranking metric."""
        for metric in runner.val_loop.evaluator.metrics:
            if isinstance(metric, RankingMetric):
                metric.ranker = unwrap(runner.model)

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Judge the plateau.

        Raises:
            KeyError: If the monitored metric is not there.
        """
        if self.interval is not None or not hasattr(self, '_datasets'):
            return
        if self.monitor not in (metrics or {}):
            raise KeyError(
                f'RankLabelHook monitors {self.monitor!r}, but validation '
                f'gives {sorted(metrics or {})}: add dict(type='
                "'RankingMetric') to val_evaluator or name another."
            )
        self.stable = self.plateau.update(metrics[self.monitor])
        self._stop_if_over(runner, runner.iter)

    def after_train(self, runner) -> None:
        """Save what an early end would otherwise lose.

        mmengine's checkpoint hook saves at its interval, and before
        validation: its last file may be old, and does not know that the
        plateau was reached.
        """
        hooks = [h for h in runner.hooks if isinstance(h, CheckpointHook)]
        if runner.train_loop.stop_training and hooks:
            save_end(hooks[0], runner)

    def refresh(self, runner) -> None:
        """Start a cycle: new features, hence new labels.

        Raises:
            ValueError: If a feature is not finite or two samples share an id.
        """
        begin = time.time()
        ranker = self._ranker
        if self.cycle == 0 and self.calibrate:
            layers = calibrate_batch_norm(
                ranker, self._datasets['train'], batch_size=self.batch_size
            )
            runner.logger.info(
                f'Calibrated {layers} BatchNorm layers of the untrained '
                'encoder.'
            )
        previous = ranker.train_bank
        banks = {
            part: extract_features(
                ranker,
                feature_loader(dataset, self.batch_size, self.num_workers),
                f'Cycle {self.cycle + 1}, {part} features',
            )
            for part, dataset in self._datasets.items()
        }
        self._use(banks)
        if self.cycle > 0:
            self._restart(runner)
        self.cycle += 1
        self.started = runner.iter if self._by_iter else runner.epoch
        self.stable = False
        self.plateau.reset()
        self.files.write(
            runner.work_dir, self.cycle, banks, self._kept(runner)
        )
        self._report(runner, previous, time.time() - begin)

    def _use(self, banks: Dict[str, FeatureBank]) -> None:
        self._ranker.train_bank = banks['train']
        self._ranker.val_bank = banks.get('val')

    @staticmethod
    def _kept(runner) -> Optional[int]:
        """How many checkpoints the run keeps; None for all."""
        kept = [
            hook.max_keep_ckpts
            for hook in runner.hooks
            if isinstance(hook, CheckpointHook)
        ]
        return max(kept) if kept and min(kept) > 0 else None

    def _restart(self, runner) -> None:
        """What of head, momentum and learning rate starts anew."""
        wrapper = runner.optim_wrapper
        if self.reset_head:
            # by its own seed: equal on all ranks, and after a resume
            with torch.random.fork_rng():
                torch.manual_seed((runner.seed or 0) + self.cycle)
                for module in self._ranker.heads.modules():
                    if hasattr(module, 'reset_parameters'):
                        module.reset_parameters()
            for parameter in self._ranker.heads.parameters():
                wrapper.optimizer.state.pop(parameter, None)
        if self.reset_momentum:
            wrapper.optimizer.state.clear()
        if self.restart_lr:
            for group, lr in zip(wrapper.param_groups, self._first_lr):
                group['lr'] = lr
            for scheduler, state in zip(
                runner.param_schedulers or [], self._first_schedule
            ):
                scheduler.load_state_dict(copy.deepcopy(state))

    def _report(
        self, runner, previous: Optional[FeatureBank], seconds: float
    ) -> None:
        """Log what this refresh did to the labels."""
        bank = self._ranker.train_bank
        scalars = dict(seconds=seconds)
        scalars.update(cycle_statistics(self._ranker, previous))
        text = ', '.join(f'{key} {v:.4g}' for key, v in scalars.items())
        runner.logger.info(
            f'Cycle {self.cycle}: new labels for {len(bank)} samples ({text}).'
        )
        scalars.update(self._report_views(runner))
        runner.visualizer.add_scalars(
            {f'cycle/{key}': value for key, value in scalars.items()},
            step=runner.iter,
        )
        for name in bank.modalities:
            if scalars[f'spread_{name}'] < self.collapse_threshold:
                runner.logger.warning(
                    f'The {name} features have collapsed: their spread is '
                    f'{scalars[f"spread_{name}"]:.4f}, so labels follow '
                    'rounding rather than motion. Lower the learning rate, '
                    'or look whether the input is constant.'
                )

    def _report_views(self, runner) -> Dict[str, float]:
        """Log how much the views differ, and warn where they do not."""
        shares = view_disagreement(self._ranker)
        if not shares:
            return {}
        triplets = next(iter(shares.values())).triplets
        text = ', '.join(
            f'{name} {view} {share}' for (name, view), share in shares.items()
        )
        runner.logger.info(
            f'Cycle {self.cycle}: labels that differ from the self view, of '
            f'{triplets:,} triplets (95 % interval): {text}.'
        )
        alike = without_disagreement(shares)
        if alike:
            runner.logger.warning(
                f'For {", ".join(alike)} all views give the same labels: '
                'MV-DeepRank has degraded to DeepRank. Look whether the '
                'modalities hold the same data, whether features have '
                'collapsed, or whether the distances of one modality outweigh '
                "all others (normalization='l2' makes them comparable)."
            )
        return {
            f'disagreement_{name}_{view}': value.share
            for (name, view), value in shares.items()
        }

    # -- state ------------------------------------------------------------

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Put the cycle's state into the checkpoint; runs on rank 0 alone."""
        checkpoint[_STATE_KEY] = dict(
            cycle=self.cycle,
            started=self.started,
            stable=self.stable,
            plateau=self.plateau.state_dict(),
            files=self.files.state_dict(checkpoint['meta']['iter']),
        )

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Remember the state of a run that is being resumed.

        Raises:
            ValueError: If the checkpoint to resume from has none.
        """
        if not runner._resume:
            return
        if _STATE_KEY not in checkpoint:
            raise ValueError(
                'The checkpoint to resume from was saved without a '
                'RankLabelHook, so its labels are unknown: resume the run '
                'with the configuration that it was started with.'
            )
        self._resumed = checkpoint[_STATE_KEY]

    def _resume(self, runner) -> None:
        """Go on in the same cycle with the same labels."""
        state, self._resumed = self._resumed, None
        self.cycle = state['cycle']
        self.started = state['started']
        self.stable = state['stable']
        self.plateau.load_state_dict(state['plateau'])
        self.files.load_state_dict(state['files'])
        self._use(self.files.read(runner.work_dir))
        runner.logger.info(f'Resumed cycle {self.cycle} with its labels.')
