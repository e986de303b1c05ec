"""Random steps of a pipeline that a resumed run draws again."""

from abc import abstractmethod
from typing import Any, Optional

import torch

from deeprank_mm.randomness import keyed_randomness

__all__ = ['KeyedPipeline']


class KeyedPipeline:
    """Mixin of mmengine data sets whose augmentation is keyed by sample.

    With :class:`~deeprank_mm.engine.EpochSeedHook` the random steps of the
    pipeline depend on seed, epoch and sample alone: not on the number of
    workers or processes, nor on whether the run was resumed. Put it before
    the data set's class.
    """

    _random_key: Optional[torch.Tensor] = None

    @abstractmethod
    def _id_at(self, idx: int) -> str:
        """The id of the sample at a position."""

    def set_random_key(self, seed: int, epoch: int) -> None:
        """Make random steps of the pipeline a function of this and the id.

        Reaches worker processes that have been started already.

        Args:
            seed (int): Of the run.
            epoch (int): The epoch that begins.
        """
        if self._random_key is None:
            self._random_key = torch.zeros(2, dtype=torch.int64)
        # a copy of the data set has a copy of the key, which is not shared
        self._random_key.share_memory_()
        self._random_key.copy_(torch.tensor([seed, epoch]))

    def prepare_data(self, idx: int) -> Any:
        """One sample through the pipeline.

        Args:
            idx (int): Position in the data set.

        Returns:
            Any: What the pipeline makes of it.
        """
        if self._random_key is None or self.test_mode:
            return super().prepare_data(idx)
        seed, epoch = self._random_key.tolist()
        with keyed_randomness(seed, epoch, self._id_at(idx)):
            return super().prepare_data(idx)
