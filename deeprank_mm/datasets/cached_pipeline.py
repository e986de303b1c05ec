"""Slow steps at the beginning of a pipeline that are done once."""

import os.path as osp
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Optional

from mmengine.dataset import Compose

from deeprank_mm.arguments import check_options

from .step_cache import CachedArrays, cache_key, describe, open_cache

__all__ = ['CachedPipeline']

# Where an annotation says which arrays of the cache are its.
_ARRAYS = 'cached_arrays'


class CachedPipeline:
    """Mixin of MMAction2 data sets whose first steps may be cached.

    What comes out of the pipeline is the same. The pipeline is shown whole
    (:attr:`pipeline`); of it only the rest is applied, to what the cache
    holds instead of the annotation's arrays. Put it before the data set's
    class.
    """

    _cache: Optional[dict[str, Any]] = None
    _cached_steps: Optional[list[str]] = None
    _cached_arrays: Optional[CachedArrays] = None

    @abstractmethod
    def _where(self, sample_id: Optional[str] = None) -> str:
        """Name the data, and the sample if given, for a message."""

    @abstractmethod
    def _refuse(self, sample: dict, problem: Optional[str]) -> None:
        """Raise if there is a problem."""

    def _set_cache(
        self,
        cache: Optional[Mapping],
        available: int,
        others: Mapping[str, Any],
    ) -> None:
        """Take the option up; before the pipeline is set.

        Args:
            cache (Mapping, optional): ``steps`` and ``folder``.
            available (int): How many steps the pipeline has.
            others (Mapping): Other options of the data set.

        Raises:
            TypeError: It is malformed.
            ValueError: There are not so many steps, or another option does
                not allow for a cache.
        """
        cache = check_options('cache', cache, dict(folder=None), ('steps',))
        if cache is None:
            return
        steps, folder = cache['steps'], cache['folder']
        if isinstance(steps, bool) or not isinstance(steps, int):
            raise TypeError(f'steps of cache must be a number, got {steps!r}')
        if not 1 <= steps <= available:
            raise ValueError(
                f'steps of cache must be 1 to {available}, the steps of the '
                f'pipeline, got {steps}'
            )
        if not (folder is None or isinstance(folder, str)):
            raise TypeError(f'folder of cache must be a path, got {folder!r}')
        if 'skeleton' in others.get('data_prefix', {}):
            raise ValueError(
                'cache needs the coordinates in the annotation file, but '
                "data_prefix['skeleton'] keeps them in other files"
            )
        if others.get('valid_ratio'):
            raise ValueError(
                'cache cannot be used with valid_ratio, which tells the '
                'steps what to leave out of a sample'
            )
        self._cache = cache

    @property
    def pipeline(self) -> Compose:
        """Compose: The transforms, also those whose result is cached.

        Raises:
            ValueError: When set to a pipeline without the cached steps.
        """
        return self._pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Compose) -> None:
        if self._cache is None:
            self._pipeline = self._to_apply = pipeline
            return
        count = self._cache['steps']
        steps = pipeline.transforms[:count]
        try:
            described = [describe(step) for step in steps]
        except ValueError as error:
            raise ValueError(
                f'{self._where()}: the first {count} step(s) of the pipeline '
                f'cannot be cached, {error}; set `steps` of cache to fewer'
            ) from None
        if self._cached_steps is None:
            self._cached_steps = described
        elif described != self._cached_steps:
            wanted = self._pipeline.transforms[:count]
            raise ValueError(
                f'{self._where()} is cached after {_named(wanted)}, so a '
                'pipeline for it must begin with that, but one begins with '
                f'{_named(steps)}'
            )
        self._pipeline = pipeline
        self._to_apply = Compose(pipeline.transforms[count:])

    def prepare_data(self, idx: int) -> Any:
        """One sample through the pipeline.

        Args:
            idx (int): Position in the data set.

        Returns:
            Any: What the pipeline makes of it.
        """
        return self._to_apply(self.get_data_info(idx))

    def _find_cache(
        self, ann_file: str, split: Optional[str], samples: list[dict]
    ) -> Optional[dict[str, dict]]:
        """Open the cache of a split, or make it.

        Args:
            ann_file (str): The annotation file.
            split (str, optional): The split of it.
            samples (list[dict]): All its annotations.

        Returns:
            dict, optional: For :meth:`_with_cached`; None without a cache.
        """
        if self._cache is None:
            return None
        folder = self._cache['folder']
        if folder is None:
            folder = osp.join(osp.dirname(ann_file), 'cache')
        steps = self.pipeline.transforms[: self._cache['steps']]
        key = cache_key(ann_file, split, steps)
        try:
            self._cached_arrays, index = open_cache(
                folder, key, samples, steps, self._refuse
            )
        except OSError as error:
            raise OSError(
                error.errno,
                f'{error.strerror}: set `folder` of cache to a place for '
                'preprocessed samples',
                error.filename,
            ) from error
        return index

    @staticmethod
    def _with_cached(
        samples: list[dict], index: Optional[dict[str, dict]]
    ) -> list[dict]:
        """Annotations after the cached steps, their arrays in the file."""
        if index is None:
            return samples
        replaced = []
        for sample in samples:
            entry = index[sample['sample_id']]
            gone = {*entry['arrays'], *entry['removed']}
            rest = {name: v for name, v in sample.items() if name not in gone}
            rest.update(entry['values'])
            rest[_ARRAYS] = entry['arrays']
            replaced.append(rest)
        return replaced

    def _read_cached(self, sample: dict) -> bool:
        """Put the arrays back; False if the sample is not a cached one."""
        if self._cached_arrays is None:
            return False
        for name, place in sample.pop(_ARRAYS).items():
            sample[name] = self._cached_arrays.read(*place)
        return True


def _named(steps: list) -> str:
    return ', '.join(map(repr, steps)) or 'nothing'
