"""Images instead of skeletons, with the same ids, parts and seeds."""

from collections.abc import Callable
from typing import Optional, Union

import numpy as np
from mmaction.registry import DATASETS
from mmengine.dataset import BaseDataset

from deeprank_mm.arguments import check_arguments, check_options

from .keyed_pipeline import KeyedPipeline
from .subsets import check_part, holdout_split

__all__ = ['ImageDataset']


@DATASETS.register_module()
class ImageDataset(KeyedPipeline, BaseDataset):
    """A data set of small images, as the label hooks need one.

    It wraps a data set that holds its images in memory, and gives each
    sample an id, ``{split}{position:05d}``; a part of a split can be held
    out, and augmentation is keyed by sample, as in
    :class:`~deeprank_mm.datasets.SkeletonDataset`.

    Args:
        source (dict): Config of a data set that takes ``split`` and whose
            samples have ``img`` (an array ``(H, W, C)``) and ``gt_label``:
            :class:`~deeprank_mm.datasets.DigitsDataset`, or mmpretrain's
            ``mmpretrain.CIFAR100`` and its like.
        pipeline (list[dict | callable]): The transforms. They find ``img``,
            ``gt_label``, ``label`` (the same) and ``sample_id``.
        split (str): Which split of the source.
        holdout (dict, optional): ``part`` ('train' or 'holdout', the part to
            keep), ``fraction`` (in (0, 1)) and ``seed`` (default 0), see
            :func:`~deeprank_mm.datasets.holdout_split`. Defaults to None,
            keep everything.
        test_mode (bool): See ``BaseDataset``. Defaults to False.

    Raises:
        TypeError: ``holdout`` is malformed.
        ValueError: A sample is no image, or has no class.
    """

    @check_arguments
    def __init__(
        self,
        source: dict,
        pipeline: list[Union[dict, Callable]],
        split: str,
        holdout: Optional[dict] = None,
        test_mode: bool = False,
    ) -> None:
        self.holdout = check_options(
            'holdout', holdout, dict(seed=0), ('part', 'fraction')
        )
        check_part(self.holdout)
        self.source = source
        self.split = split
        super().__init__(pipeline=pipeline, test_mode=test_mode)

    def load_data_list(self) -> list[dict]:
        """Read the samples of the split, or of its part.

        Returns:
            list[dict]: The source's samples, each with ``label`` and
            ``sample_id``.
        """
        source = DATASETS.build(
            dict(self.source, split=self.split, pipeline=[])
        )
        samples = [
            self._sample(source.get_data_info(i), f'{self.split}{i:05d}')
            for i in range(len(source))
        ]
        if self.holdout is None:
            return samples
        out = holdout_split(
            [sample['sample_id'] for sample in samples],
            None,
            self.holdout['fraction'],
            self.holdout['seed'],
        )
        wanted = self.holdout['part'] == 'holdout'
        return [s for s, held in zip(samples, out) if held == wanted]

    def _sample(self, info: dict, sample_id: str) -> dict:
        image, label = info.get('img'), info.get('gt_label')
        if not isinstance(image, np.ndarray) or image.ndim != 3:
            raise ValueError(
                f'sample {sample_id!r} of {self.source["type"]} holds no '
                'image in memory: an array `img` of shape (H, W, C) is needed'
            )
        if not isinstance(label, (int, np.integer)):
            raise ValueError(
                f'sample {sample_id!r} of {self.source["type"]} has the '
                f'gt_label {label!r}, expected one class'
            )
        return dict(info, label=int(label), sample_id=sample_id)

    def _id_at(self, idx: int) -> str:
        return self.get_data_info(idx)['sample_id']
