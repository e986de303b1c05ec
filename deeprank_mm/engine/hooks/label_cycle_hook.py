"""The cycle: extract features, fix the labels, train, repeat."""

from __future__ import annotations

import copy
import time
from abc import abstractmethod
from typing import Dict, Iterable, Iterator, List, Optional, Tuple, Type

import torch
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import IterBasedTrainLoop
from torch import nn
from torch.utils.data import DataLoader, Dataset

from deeprank_mm.arguments import check_arguments
from deeprank_mm.datasets import with_pipeline
from deeprank_mm.models import ModalityEncoders, SharedEncoder
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
from ..plateau import Plateau
from .checkpoint_hook import save_end


class LabelCycleHook(Hook):
    """Base of hooks that re-extract features, hence labels, each cycle.

    Labels stay fixed within a cycle. A new one starts

    - with ``interval=None`` (the paper: "until the validation loss becomes
      stable"), when the monitored loss of the held-out samples has not
      fallen by ``min_delta`` for ``patience`` validations, or
    - every ``interval`` epochs (iterations in an iteration-based loop).

    When cycle ``max_cycles`` is over, training stops with a saved
    checkpoint; no features are extracted that nobody will train on.

    Features are extracted in eval mode with a deterministic pipeline, put
    into the same data (no second copy). Before the very first extraction
    BatchNorm statistics are calibrated.

    A subclass says what model it trains (:attr:`model_type`), what labels
    follow from features (:meth:`_label`), and what there is to report.

    Args:
        interval (int, optional): Fixed length of a cycle. Defaults to None:
            plateau.
        patience (int): Validations without progress. Defaults to 3.
        min_delta (float): Progress is a fall of the loss by at least this
            much. Defaults to 0.001.
        monitor (str, optional): Validation metric judged. Defaults to
            :attr:`default_monitor`.
        max_cycles (int, optional): Defaults to 10; None means until the loop
            ends.
        pipeline (list[dict], optional): Deterministic pipeline. Defaults to
            that of ``val_dataloader``.
        batch_size (int, optional): For extraction. Defaults to that of
            training.
        num_workers (int): For extraction. Defaults to 0.
        calibrate (bool): Calibrate BatchNorm before the first extraction.
            Defaults to True.
        first_encoder (dict, optional): Config of an encoder whose features
            make the labels of the first cycle, of each modality; not trained,
            and not kept. Defaults to None: the model's own, before it has
            learnt anything.
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

    #: What the hook trains.
    model_type: Type[ModalityEncoders]
    #: What is judged, if the config does not say it.
    default_monitor: str
    #: The metric that gives it.
    metric: type
    #: Where the state is in a checkpoint.
    state_key: str

    # before the checkpoint hook, after the optimiser's
    priority = 'BELOW_NORMAL'

    @check_arguments
    def __init__(
        self,
        interval: Optional[int] = None,
        patience: int = 3,
        min_delta: float = 1e-3,
        monitor: Optional[str] = None,
        max_cycles: Optional[int] = 10,
        pipeline: Optional[List[dict]] = None,
        batch_size: Optional[int] = None,
        num_workers: int = 0,
        calibrate: bool = True,
        first_encoder: Optional[dict] = None,
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
                    f'{self.name}: `{name}` must be 1 or more, or None; '
                    f'got {value}.'
                )
        self.interval = interval
        self.plateau = Plateau(patience, min_delta)
        self.monitor = monitor or self.default_monitor
        self.max_cycles = max_cycles
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.calibrate = calibrate
        self.first_encoder = first_encoder
        self.reset_head = reset_head
        self.reset_momentum = reset_momentum
        self.restart_lr = restart_lr
        self.collapse_threshold = collapse_threshold

        self.cycle = 0  # refreshes so far
        self.started = 0  # epoch or iteration at which the cycle began
        self.stable = False  # the plateau has been reached
        self.files = BankFiles()
        self._resumed: Optional[dict] = None

    # -- what a method says -----------------------------------------------

    @abstractmethod
    def _label(
        self, runner, banks: Dict[str, FeatureBank]
    ) -> Dict[str, FeatureBank]:
        """Make labels of fresh features: the banks of the coming cycle."""

    @abstractmethod
    def _statistics(
        self, runner, previous: Optional[FeatureBank]
    ) -> Dict[str, float]:
        """What the refresh did to the labels, with ``spread_{modality}``."""

    def _check_run(self, runner) -> None:
        """Refuse a run that cannot work, before anything is computed."""

    @property
    def name(self) -> str:
        """str: What configs call the hook."""
        return type(self).__name__

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
            TypeError: If the model is another one.
            ValueError: If processes have different numbers of batches, the
                extraction pipeline is random, there is no validation to
                judge, or the method cannot work so.
        """
        self._model = unwrap(runner.model)
        if not isinstance(self._model, self.model_type):
            raise TypeError(
                f'{self.name} trains a {self.model_type.__name__}, not a '
                f'{type(self._model).__name__}.'
            )
        # of a resumed run; else there are none yet
        scalars = [k.partition('/') for k in runner.message_hub.log_scalars]
        self._log_as_they_are(
            runner, [name for mode, _, name in scalars if mode == 'val']
        )
        self._by_iter = isinstance(runner.train_loop, IterBasedTrainLoop)
        loader = runner.train_dataloader
        if not self._by_iter:
            check_equal_batches(loader)
        size = loader.batch_size
        if self.batch_size is None:
            self.batch_size = size or 64
        self._datasets = self._extraction_datasets(runner)
        self._check_run(runner)
        if self.interval is None and 'val' not in self._datasets:
            raise ValueError(
                f'{self.name} judges the plateau on a held-out part, but '
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
                f'{self.name} extracts features with a deterministic '
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
        """Lend the model, with its labels, to the metric."""
        for metric in runner.val_loop.evaluator.metrics:
            if isinstance(metric, self.metric):
                metric.model = unwrap(runner.model)

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Judge the plateau.

        Raises:
            KeyError: If the monitored metric is not there.
        """
        # the first mean is of one value, so the next ones are in time
        self._log_as_they_are(runner, metrics or ())
        if self.interval is not None or not hasattr(self, '_datasets'):
            return
        if self.monitor not in (metrics or {}):
            raise KeyError(
                f'{self.name} monitors {self.monitor!r}, but validation '
                f'gives {sorted(metrics or {})}: add dict(type='
                f"'{self.metric.__name__}') to val_evaluator or name another."
            )
        self.stable = self.plateau.update(metrics[self.monitor])
        self._stop_if_over(runner, runner.iter)

    @staticmethod
    def _log_as_they_are(runner, names: Iterable[str]) -> None:
        """Have the values of each validation logged, and of it alone.

        mmengine logs the mean of the last validations of whatever has "loss"
        in its name: of other labels, therefore, and long behind.
        """
        settings = runner.log_processor.custom_cfg
        known = {setting['data_src'] for setting in settings}
        settings += [
            dict(data_src=name, method_name='current')
            for name in names
            # a name without its metric's would be a training loss as well
            if '/' in name and name not in known
        ]

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
            ValueError: If a feature is not finite, two samples share an id,
                or the plateau would be judged on what is trained on.
        """
        begin = time.time()
        model = self._model
        labelling = model
        if self.cycle == 0 and self.first_encoder is not None:
            labelling = SharedEncoder(model, self.first_encoder)
        if self.cycle == 0 and self.calibrate:
            self._calibrate(runner, model, 'untrained encoder')
            if labelling is not model:
                self._calibrate(runner, labelling, 'first encoder')
        previous = model.train_bank
        banks = {
            part: self._extract(runner, labelling, part, loader, text)
            for part, loader, text in self._parts(f'Cycle {self.cycle + 1}')
        }
        if self.cycle == 0 and self.interval is None:
            self._check_held_out(**banks)
        banks = self._label(runner, banks)
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

    def _check_held_out(self, train: FeatureBank, val: FeatureBank) -> None:
        """Refuse to judge the plateau on samples that are trained on."""
        shared = train.shared(val)
        if shared:
            raise ValueError(
                f'{self.name} judges the plateau on a held-out part, but '
                f'{len(shared)} of its {len(val)} samples, such as '
                f'{shared[0]!r}, are trained on: give both dataloaders the '
                'same holdout (SkeletonDataset), or set `interval`.'
            )

    def _calibrate(self, runner, model: nn.Module, which: str) -> None:
        layers = calibrate_batch_norm(
            model, self._datasets['train'], batch_size=self.batch_size
        )
        if layers:
            runner.logger.info(
                f'Calibrated {layers} BatchNorm layers of the {which}.'
            )

    def _extract(
        self,
        runner,
        model: nn.Module,
        part: str,
        loader: DataLoader,
        description: str,
    ) -> FeatureBank:
        """Features of one part of the data for the coming cycle."""
        return extract_features(model, loader, description)

    def current_features(self, description: str) -> Dict[str, FeatureBank]:
        """Features of all parts by the encoder as it is now, in memory.

        Args:
            description (str): Of the progress bars.

        Returns:
            dict[str, FeatureBank]: Of ``train`` and, where there is
            validation, of ``val``.
        """
        return {
            part: extract_features(self._model, loader, text)
            for part, loader, text in self._parts(description)
        }

    def _parts(
        self, description: str
    ) -> Iterator[Tuple[str, DataLoader, str]]:
        """Each part of the data: name, loader, and what its bar says."""
        for part, dataset in self._datasets.items():
            loader = feature_loader(dataset, self.batch_size, self.num_workers)
            yield part, loader, f'{description}, {part} features'

    def _use(self, banks: Dict[str, FeatureBank]) -> None:
        self._model.train_bank = banks['train']
        self._model.val_bank = banks.get('val')

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
                for module in self._model.heads.modules():
                    if hasattr(module, 'reset_parameters'):
                        module.reset_parameters()
            for parameter in self._model.heads.parameters():
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
        bank = self._model.train_bank
        scalars = dict(seconds=seconds)
        scalars.update(self._statistics(runner, previous))
        text = ', '.join(f'{key} {v:.4g}' for key, v in scalars.items())
        runner.logger.info(
            f'Cycle {self.cycle}: new labels for {len(bank)} samples ({text}).'
        )
        scalars.update(self._report_more(runner))
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

    def _report_more(self, runner) -> Dict[str, float]:
        """Log what else there is to say; returned scalars are recorded."""
        return {}

    # -- state ------------------------------------------------------------

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Put the cycle's state into the checkpoint; runs on rank 0 alone."""
        checkpoint[self.state_key] = dict(
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
        if self.state_key not in checkpoint:
            raise ValueError(
                'The checkpoint to resume from was saved without a '
                f'{self.name}, so its labels are unknown: resume the run '
                'with the configuration that it was started with.'
            )
        self._resumed = checkpoint[self.state_key]

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
