"""Random numbers of an epoch that a resumed run draws again."""

from __future__ import annotations

from typing import Iterator

import torch
from mmaction.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import ConcatDataset, Dataset, Subset

from deeprank_mm.datasets import KeyedPipeline
from deeprank_mm.randomness import key_of, seed_everything


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Makes an epoch's random numbers a function of the seed and the epoch.

    mmengine saves no random state, so a resumed run draws other numbers than
    an uninterrupted one; and workers that are started anew for each epoch
    repeat the same augmentations, because their seeds are the same. Here

    - the generators of each process are seeded at the start of an epoch by
      (seed, epoch, rank): dropout, and what workers draw;
    - the sampler shuffles by the seed of the run, also where the config had
      none and a resumed run has read it from its checkpoint;
    - augmentation is seeded by (seed, epoch, sample), in every
      :class:`~deeprank_mm.datasets.SkeletonDataset` and
      :class:`~deeprank_mm.datasets.ImageDataset`.

    A data set that repeats its samples within an epoch (``RepeatDataset``,
    ``ClassBalancedDataset``) must not augment them alike, and an
    iteration-based loop has no epochs: they draw as without this hook, which
    is logged.
    """

    # before the hooks that draw
    priority = 'VERY_HIGH'

    def before_train(self, runner) -> None:
        """Find the data sets, and prepare their loader."""
        self._datasets = []
        loader = runner.train_dataloader
        # Starting workers draws a number. Persistent ones are started in the
        # first epoch and after a resume: it must not shift the others.
        self._generator = loader.generator = torch.Generator()
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            runner.logger.warning(
                'EpochSeedHook: an iteration-based loop has no epochs, so a '
                'resumed run will draw other random numbers.'
            )
            return
        sampler = loader.sampler
        if hasattr(sampler, 'seed') and not runner._randomness_cfg.get(
            'diff_rank_seed'
        ):
            sampler.seed = runner.seed
        for dataset in _leaves(loader.dataset):
            if isinstance(dataset, KeyedPipeline):
                self._datasets.append(dataset)
            else:
                runner.logger.warning(
                    f'EpochSeedHook: the augmentation of a '
                    f'{type(dataset).__name__} is not keyed by sample, so it '
                    'depends on the number of workers, and a resumed run '
                    'differs.'
                )

    def before_train_epoch(self, runner) -> None:
        """Seed."""
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            return
        parts = runner.seed, runner.epoch, get_rank()
        seed_everything(*parts)
        self._generator.manual_seed(key_of('workers', *parts) >> 65)
        for dataset in self._datasets:
            dataset.set_random_key(runner.seed, runner.epoch)


def _leaves(dataset: Dataset) -> Iterator[Dataset]:
    """The data sets whose samples are read once an epoch."""
    if isinstance(dataset, ConcatDataset):
        for part in dataset.datasets:
            yield from _leaves(part)
    elif isinstance(dataset, Subset):
        yield from _leaves(dataset.dataset)
    else:
        yield dataset
