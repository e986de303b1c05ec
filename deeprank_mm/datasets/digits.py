"""The handwritten digits that scikit-learn ships."""

from typing import Any

import numpy as np
from mmaction.registry import DATASETS
from mmengine.dataset import BaseDataset
from sklearn.datasets import load_digits

from deeprank_mm.arguments import check_arguments

__all__ = ['DigitsDataset']

# The images stand in the order in which they were collected, so that those
# at the end are by other hands than those at the beginning.
_TRAIN = 1197
_SPLITS = dict(train=slice(_TRAIN), test=slice(_TRAIN, None))


@DATASETS.register_module()
class DigitsDataset(BaseDataset):
    """1,797 grey images of 8 x 8 pixels, of ten digits; nothing to download.

    The first 1,197 are for training, the last 600 for the test.

    Args:
        split (str): ``'train'`` or ``'test'``.
        **kwargs: As ``BaseDataset``.

    Raises:
        ValueError: The split is another one.
    """

    METAINFO = dict(classes=tuple('0123456789'))

    @check_arguments
    def __init__(self, split: str, **kwargs: Any) -> None:
        if split not in _SPLITS:
            raise ValueError(
                f"split of DigitsDataset must be 'train' or 'test', got "
                f'{split!r}'
            )
        self.split = split
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the split.

        Returns:
            list[dict]: ``img`` (8, 8, 1) uint8, 0 to 16, and ``gt_label``.
        """
        digits = load_digits()
        part = _SPLITS[self.split]
        return [
            dict(img=image[..., None].astype(np.uint8), gt_label=int(label))
            for image, label in zip(digits.images[part], digits.target[part])
        ]
