"""Images: a random crop, and the way into a batch."""

from typing import Dict

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from deeprank_mm.arguments import check_arguments


@TRANSFORMS.register_module()
class PadCrop(BaseTransform):
    """Shift an image at random: pad all sides, crop to the old size.

    Two numbers are drawn from ``np.random``.

    Required Keys:

    - img (np.ndarray): Shape ``(H, W, C)``.

    Modified Keys:

    - img (np.ndarray): Same shape and dtype, zero beyond the image.

    Args:
        padding (int): Largest shift in pixels.

    Raises:
        ValueError: If it is not positive.
    """

    @check_arguments
    def __init__(self, padding: int) -> None:
        if padding < 1:
            raise ValueError(
                f'PadCrop: padding must be 1 or more, but got {padding}'
            )
        self.padding = padding

    def transform(self, results: Dict) -> Dict:
        """Shift the image.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample, with a new ``img``.
        """
        image = _take_image(results, self)
        height, width = image.shape[:2]
        size = self.padding
        padded = np.pad(image, ((size, size), (size, size), (0, 0)))
        top, left = np.random.randint(0, 2 * size + 1, 2)
        results['img'] = padded[top : top + height, left : left + width]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(padding={self.padding})'


@TRANSFORMS.register_module()
class FormatImage(BaseTransform):
    """Put an image where ``PackActionInputs`` looks for it.

    Required Keys:

    - img (np.ndarray): Shape ``(H, W, C)``.

    Added Keys:

    - imgs (np.ndarray): Shape ``(C, H, W)``, float32.
    """

    def transform(self, results: Dict) -> Dict:
        """Format the image.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample, with ``imgs``.
        """
        image = _take_image(results, self)
        results['imgs'] = np.ascontiguousarray(
            image.transpose(2, 0, 1), dtype=np.float32
        )
        return results


def _take_image(results: Dict, step: BaseTransform) -> np.ndarray:
    image = results.get('img')
    if not isinstance(image, np.ndarray) or image.ndim != 3:
        raise ValueError(
            f'{type(step).__name__}: sample {results.get("sample_id")!r} '
            'holds no `img` of shape (H, W, C)'
        )
    return image
