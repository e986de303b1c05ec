"""Checkpoints that a killed run can be resumed from exactly."""

from __future__ import annotations

import inspect
import os.path as osp
from bisect import bisect
from typing import Dict, List, Optional, Sequence, Tuple

from mmaction.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.fileio import FileClient, LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from deeprank_mm.arguments import check_arguments
from deeprank_mm.atomic import remove_partial

from ..bank_files import BankFiles
from ..checkpoint_files import (
    ATOMIC_BACKEND,
    check_safe,
    damage,
    latest_checkpoint,
    point_to,
)

_OUTDATED_KEY = 'outdated_ckpts'


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, but a kill at no moment loses anything.

    Every option is mmengine's. What differs:

    - A checkpoint is written to a temporary file, flushed and renamed, then
      ``last_checkpoint`` is replaced likewise, and only then are outdated
      files deleted, the previous best included.
    - Where a validation follows, the checkpoint is saved AFTER it. mmengine
      saves before, so that a run killed in between would lose a reading of
      the plateau or a best score. Saving once and late is simpler than
      noting that a validation is owed, and as exact: a run killed during a
      validation goes on from the end of the epoch before. The price is that
      an error in a validation costs its epoch.
    - A run that ends early (``train_loop.stop_training``) is saved where it
      ends, unless ``save_last=False``.
    - ``resume`` takes the latest checkpoint that is whole (see
      :func:`~deeprank_mm.engine.checkpoint_files.latest_checkpoint`); when
      nothing has been saved yet, training starts from the beginning.

    Exact is what is saved between two epochs. With ``by_epoch=False`` in an
    epoch-based loop a resumed run repeats the iterations of the unfinished
    epoch, which is warned of.

    Args:
        **kwargs: As of :class:`mmengine.hooks.CheckpointHook`.
    """

    @check_arguments
    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.saved_at: Optional[Tuple[int, int]] = None  # epoch, iteration
        self._due = False  # a checkpoint waits for the end of a validation
        self._validating = False
        self._old_best: List[str] = []

    # -- resuming ---------------------------------------------------------

    def before_run(self, runner) -> None:
        """Choose what to resume from, before the runner loads it.

        Raises:
            ValueError: If the checkpoint to resume from is damaged, or all
                of the work directory's are.
            pickle.UnpicklingError: If it asks for code to be run.
        """
        if not runner._resume or runner._has_loaded:
            return
        if runner._load_from is None:
            path = latest_checkpoint(runner.work_dir, self.filename_tmpl)
            if path is None:
                runner.logger.info(
                    f'Nothing has been saved in {runner.work_dir} yet: '
                    'training starts from the beginning.'
                )
                runner._resume = False
                return
            runner._load_from = path
        path = str(runner._load_from)
        if '://' in path:
            return
        problem = damage(path)
        if problem is not None:
            raise ValueError(
                f'The checkpoint to resume from, {path}, {problem}: name '
                'another one, or none to take the latest that is whole.'
            )
        check_safe(path)

    def before_train(self, runner) -> None:
        """Prepare for writing, and finish what a killed run left undone.

        Raises:
            TypeError: If the hook has been given an unknown argument.
        """
        self._check_options(runner)
        write_atomically(self, runner)
        super().before_train(runner)
        if not self.by_epoch and isinstance(
            runner.train_loop, EpochBasedTrainLoop
        ):
            runner.logger.warning(
                'AtomicCheckpointHook: by_epoch=False in an epoch-based loop '
                'saves within epochs, whose iterations a resumed run repeats.'
            )
        if is_main_process():
            for folder in {
                str(self.out_dir),
                runner.work_dir,
                BankFiles.path(runner.work_dir, ''),
            }:
                remove_partial(folder)
        if runner._resume:
            self._take_up(runner)

    def _check_options(self, runner) -> None:
        # mmengine passes on what it does not know, and fails when it saves
        known = inspect.signature(runner.save_checkpoint).parameters
        unknown = [name for name in self.args if name not in known]
        if unknown:
            raise TypeError(
                f'AtomicCheckpointHook has no argument {unknown[0]!r}: look '
                "for it among those of mmengine's CheckpointHook."
            )

    def _take_up(self, runner) -> None:
        known = runner.message_hub.runtime_info
        self.saved_at = runner.epoch, runner.iter
        last = known.get('last_ckpt')
        if last is not None and self.file_backend.isfile(last):
            self.last_ckpt = last
        folder = osp.dirname(osp.abspath(str(runner._load_from)))
        if folder == osp.abspath(str(self.out_dir)):
            _remove(self, known.get(_OUTDATED_KEY, []))

    # -- saving -----------------------------------------------------------

    def _save_checkpoint(self, runner) -> None:
        if self._validation_follows(runner):
            self._due = True
        else:
            super()._save_checkpoint(runner)

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        if self._validating:
            # to note a new best score; once, when all is known, is enough
            self._due = True
            return
        save_step(self, runner, step, meta, self._old_best)
        self._old_best = []
        self.saved_at = meta['epoch'], meta['iter']

    def _validation_follows(self, runner) -> bool:
        """Whether the loop validates next, by its own rule."""
        loop = runner.train_loop
        if runner.val_loop is None:
            return False
        if self.by_epoch and isinstance(loop, EpochBasedTrainLoop):
            now, end = loop.epoch + 1, loop.max_epochs
        elif not self.by_epoch and isinstance(loop, IterBasedTrainLoop):
            now, end = loop.iter + 1, loop.max_iters
        else:
            return False
        interval = loop.dynamic_intervals[
            bisect(loop.dynamic_milestones, now + 1) - 1
        ]
        return now >= loop.val_begin and (now % interval == 0 or now == end)

    def before_val(self, runner) -> None:
        """Hold back what would be saved within the validation."""
        self._validating = True

    def _save_best_checkpoint(self, runner, metrics) -> None:
        if not self.save_best:
            return
        old = self._best()
        self._set_best(dict.fromkeys(old))  # nothing for mmengine to delete
        super()._save_best_checkpoint(runner, metrics)
        new = self._best()
        self._set_best({key: new[key] or old[key] for key in old})
        self._old_best += [
            path
            for key, path in old.items()
            if path and new[key] not in (None, path)
        ]

    def _best(self) -> Dict[str, Optional[str]]:
        if len(self.key_indicators) == 1:
            return {'': self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best(self, paths: Dict[str, Optional[str]]) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths['']
        else:
            self.best_ckpt_path_dict = paths

    def after_val(self, runner) -> None:
        """Save what has waited for the validation."""
        self._validating = False
        if self._due:
            self._due = False
            save_end(self, runner)
        # without a checkpoint that could still refer to them
        _remove(self, self._old_best)
        self._old_best = []

    def after_train(self, runner) -> None:
        """Save an early end, then publish."""
        if self.save_last and runner.train_loop.stop_training:
            save_end(self, runner)
        super().after_train(runner)


def write_atomically(hook: CheckpointHook, runner) -> None:
    """Make a hook replace local files as a whole; other stores do anyway.

    Args:
        hook (CheckpointHook): mmengine's or ours.
        runner (Runner): Its runner.
    """
    out_dir = hook.out_dir or runner.work_dir
    if hook.file_client_args is not None:
        backend = FileClient.infer_client(
            hook.file_client_args, out_dir
        ).client
    else:
        backend = get_file_backend(out_dir, backend_args=hook.backend_args)
    if isinstance(backend, LocalBackend):
        hook.file_client_args = None
        hook.backend_args = dict(backend=ATOMIC_BACKEND)


def save_step(
    hook: CheckpointHook,
    runner,
    step: int,
    meta: dict,
    outdated: Sequence[str] = (),
) -> None:
    """Save, then note it as the latest, then delete what is outdated.

    Args:
        hook (CheckpointHook): Whose options to follow, mmengine's or ours.
        runner (Runner): Its runner.
        step (int): Epoch or iteration in the file's name.
        meta (dict): ``epoch`` and ``iter`` to go on from.
        outdated (Sequence[str]): More files to delete.
    """
    hub = runner.message_hub
    join = hook.file_backend.join_path
    outdated = list(outdated)
    if hook.max_keep_ckpts > 0:
        kept = hook.keep_ckpt_ids
        if not kept or kept[-1] != step:
            if len(kept) == hook.max_keep_ckpts:
                name = hook.filename_tmpl.format(kept.popleft())
                outdated.append(join(hook.out_dir, name))
            kept.append(step)
            hub.update_info('keep_ckpt_ids', list(kept))
    name = hook.filename_tmpl.format(step)
    hook.last_ckpt = join(hook.out_dir, name)
    hub.update_info('last_ckpt', hook.last_ckpt)
    # so that a run killed before the deletion makes up for it
    hub.update_info(_OUTDATED_KEY, outdated)
    runner.save_checkpoint(
        hook.out_dir,
        name,
        hook.file_client_args,
        save_optimizer=hook.save_optimizer,
        save_param_scheduler=hook.save_param_scheduler,
        meta=meta,
        by_epoch=hook.by_epoch,
        backend_args=hook.backend_args,
        **hook.args,
    )
    if is_main_process():
        point_to(runner.work_dir, str(hook.last_ckpt))
    _remove(hook, outdated)


def save_end(hook: CheckpointHook, runner) -> None:
    """Save between two epochs (or iterations), unless that has been done.

    Args:
        hook (CheckpointHook): Whose options to follow, mmengine's or ours.
        runner (Runner): Its runner.
    """
    step = runner.epoch if hook.by_epoch else runner.iter
    meta = dict(epoch=runner.epoch, iter=runner.iter)
    if not isinstance(hook, AtomicCheckpointHook):
        write_atomically(hook, runner)
        save_step(hook, runner, step, meta)
    elif hook.saved_at != (runner.epoch, runner.iter):
        hook._save_checkpoint_with_step(runner, step, meta)


def _remove(hook: CheckpointHook, paths: Sequence[str]) -> None:
    """Delete files, and the folders that deepspeed makes, on rank 0."""
    if not is_main_process():
        return
    for path in paths:
        if hook.file_backend.isfile(path):
            hook.file_backend.remove(path)
        elif hook.file_backend.isdir(path):
            hook.file_backend.rmtree(path)
