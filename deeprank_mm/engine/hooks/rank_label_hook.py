"""DeepRank's labels: which of two candidates is closer, a cycle long."""

from __future__ import annotations

from typing import Any, Dict, Optional

from mmaction.registry import HOOKS
from torch import nn
from torch.utils.data import DataLoader

from deeprank_mm.arguments import check_arguments, check_options
from deeprank_mm.evaluation import RankingMetric
from deeprank_mm.models.rankers.multi_view_ranker import (
    MIN_BATCH,
    MultiViewRanker,
)
from deeprank_mm.structures import BANK_DTYPES, FeatureBank

from ..extraction import extract_to_file
from ..label_statistics import (
    cycle_statistics,
    view_disagreement,
    without_disagreement,
)
from .label_cycle_hook import LabelCycleHook

#: Where a bank may be.
STORAGES = ('memory', 'memmap')
_BANK = dict(dtype='float32')


@HOOKS.register_module()
class RankLabelHook(LabelCycleHook):
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
        first_encoder (dict, optional): Config of an encoder whose features
            make the labels of the first cycle, of each modality; not trained,
            and not kept. ``dict(type='JointDistances')`` labels by the shape
            of the skeletons, which is the same from every side (3D).
            Defaults to None: the model's own, before it has learnt anything
            (the paper).
        reset_head (bool): Re-initialise the heads at a refresh. Defaults to
            False.
        reset_momentum (bool): Forget the optimiser's state at a refresh.
            Defaults to False.
        restart_lr (bool): Start learning rate and schedulers again at a
            refresh. Defaults to False.
        collapse_threshold (float): Spread of features under which to warn.
            Defaults to 0.02.
        bank (dict, optional): Where the features of a cycle are:
            ``storage``, ``'memory'`` or ``'memmap'``, and ``dtype``,
            ``'float32'`` (default) or ``'float16'``. With ``'memmap'`` they
            stay in the file beside the checkpoints, and the rows of a batch
            are read when it comes: for banks that do not fit into memory.
            Labels are the same; with ``'float16'``, which halves the file,
            some differ. Defaults to None: in memory.

    Raises:
        TypeError: If ``bank`` is malformed.
        ValueError: If the interval or the number of cycles is not positive,
            or ``bank`` asks for what there is not.
    """

    model_type = MultiViewRanker
    default_monitor = 'ranking/loss'
    metric = RankingMetric
    state_key = 'rank_label_hook'

    @check_arguments
    def __init__(
        self, *args: Any, bank: Optional[dict] = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        options = check_options(
            'bank', bank or dict(storage='memory'), _BANK, ('storage',)
        )
        storage, dtype = options['storage'], options['dtype']
        if storage not in STORAGES:
            raise ValueError(
                f'{self.name}: storage of bank must be one of '
                f'{", ".join(STORAGES)}, got {storage!r}.'
            )
        if dtype not in BANK_DTYPES:
            raise ValueError(
                f'{self.name}: dtype of bank must be one of '
                f'{", ".join(BANK_DTYPES)}, got {dtype!r}.'
            )
        if storage == 'memory' and dtype != _BANK['dtype']:
            raise ValueError(
                f'{self.name}: a bank in memory is {_BANK["dtype"]}: set '
                f"storage='memmap' for {dtype}."
            )
        self.bank = options

    def _extract(
        self,
        runner,
        model: nn.Module,
        part: str,
        loader: DataLoader,
        description: str,
    ) -> FeatureBank:
        if self.bank['storage'] == 'memory':
            return super()._extract(runner, model, part, loader, description)
        name = self.files.name(self.cycle + 1, part)
        return extract_to_file(
            model,
            loader,
            self.files.path(runner.work_dir, name),
            self.bank['dtype'],
            description,
        )

    def _check_run(self, runner) -> None:
        size = runner.train_dataloader.batch_size
        if size is not None and self._model.pool_size(size) < MIN_BATCH:
            raise ValueError(
                f'train_dataloader.batch_size={size}: ranking needs at least '
                f'{MIN_BATCH} samples a batch, an anchor and two candidates; '
                "the paper's is 64."
            )

    def before_train_epoch(self, runner) -> None:
        """Refresh the labels if a new cycle is due."""
        self._model.skipped_batches = 0
        super().before_train_epoch(runner)

    def after_train_epoch(self, runner) -> None:
        """End an epoch-based run when its last cycle is over."""
        if self._model.skipped_batches:
            runner.logger.info(
                f'{self._model.skipped_batches} batch(es) of fewer than '
                f'{MIN_BATCH} distinct samples were skipped.'
            )
        super().after_train_epoch(runner)

    def _label(
        self, runner, banks: Dict[str, FeatureBank]
    ) -> Dict[str, FeatureBank]:
        """The features are the labels: distances are compared when needed."""
        return banks

    def _statistics(
        self, runner, previous: Optional[FeatureBank]
    ) -> Dict[str, float]:
        return cycle_statistics(self._model, previous)

    def _report_more(self, runner) -> Dict[str, float]:
        """Log how much the views differ, and warn where they do not."""
        shares = view_disagreement(self._model)
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
