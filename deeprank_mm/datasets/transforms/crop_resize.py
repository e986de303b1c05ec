"""Cut a stretch out of a clip and bring it to a fixed length."""

from functools import lru_cache
from typing import Dict, Optional, Sequence, Tuple, Union

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from deeprank_mm.arguments import check_arguments

from .keypoint import take_keypoint, take_score


@TRANSFORMS.register_module()
class TemporalCropResize(BaseTransform):
    """Crop in time, then resize to a fixed number of frames.

    The valid-crop-resize of the STTFormer family, which the paper uses with
    p in [0.5, 1] for training and p = 0.95 for testing:

    - ``crop=(low, high)``: p is uniform in the range, the stretch has
      ``floor(T * p)`` frames, but at least ``min_frames`` (or T, if that is
      less), and starts anywhere. Numbers come from ``np.random``.
    - ``crop=p``: ``int((1 - p) * T / 2)`` frames are dropped at each end.
      Deterministic; ``min_frames`` plays no part.
    - ``crop=None``: the whole clip.

    Resizing is linear over time with half-pixel centres and clamped ends, as
    in ``torch.nn.functional.interpolate(mode='linear',
    align_corners=False)``, for any number of frames from 1.

    Required Keys:

    - keypoint (np.ndarray): Shape ``(M, T, V, C)``.
    - keypoint_score (np.ndarray, optional): Shape ``(M, T, V)``.

    Modified Keys:

    - keypoint (np.ndarray): Shape ``(M, length, V, C)``, float32.
    - keypoint_score (np.ndarray, optional): Shape ``(M, length, V)``,
      float32.
    - total_frames (int): ``length``.

    Args:
        length (int): Number of frames to make. Defaults to 120.
        crop (Sequence[float] | float, optional): The range of p, a fixed p,
            or None. Defaults to ``(0.5, 1.0)``.
        min_frames (int): Least length of a random stretch. Defaults to 64.

    Raises:
        ValueError: If an argument is out of its range.
    """

    @check_arguments
    def __init__(
        self,
        length: int = 120,
        crop: Optional[Union[Sequence[float], float]] = (0.5, 1.0),
        min_frames: int = 64,
    ) -> None:
        if length < 1 or min_frames < 1:
            raise ValueError(
                'TemporalCropResize: length and min_frames must be 1 or '
                f'more, but got {length} and {min_frames}'
            )
        if crop is not None:
            single = isinstance(crop, (int, float))
            crop = float(crop) if single else tuple(crop)
            bounds = (crop, crop) if single else crop
            if len(bounds) != 2 or not 0 < bounds[0] <= bounds[1] <= 1:
                raise ValueError(
                    'TemporalCropResize: crop must be None, p or (low, '
                    f'high) with 0 < low <= high <= 1, but got {crop}'
                )
        self.length = length
        self.crop = crop
        self.min_frames = min_frames

    def transform(self, results: Dict) -> Dict:
        """Crop and resize the clip.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample, with new arrays.

        Raises:
            KeyError: If there is no ``keypoint``.
            ValueError: If a shape is not as required or there is no frame.
        """
        keypoint = take_keypoint(results, self)
        score = take_score(results, keypoint, self)
        start, stop = self._stretch(keypoint.shape[1])
        results['keypoint'] = resize_time(keypoint[:, start:stop], self.length)
        if score is not None:
            results['keypoint_score'] = resize_time(
                score[:, start:stop], self.length
            )
        results['total_frames'] = self.length
        return results

    def _stretch(self, num_frames: int) -> Tuple[int, int]:
        """First frame of the stretch, and the one after its last."""
        if self.crop is None:
            return 0, num_frames
        if isinstance(self.crop, float):
            dropped = int((1 - self.crop) * num_frames / 2)
            return dropped, num_frames - dropped
        share = np.random.uniform(*self.crop)
        size = max(int(num_frames * share), self.min_frames)
        size = min(size, num_frames)
        start = np.random.randint(num_frames - size + 1)
        return start, start + size

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(length={self.length}, '
            f'crop={self.crop}, min_frames={self.min_frames})'
        )


def resize_time(array: np.ndarray, length: int) -> np.ndarray:
    """Resize linearly along axis 1, half-pixel centres, clamped ends.

    Args:
        array (np.ndarray): Shape ``(M, T, ...)``, T >= 1, float32.
        length (int): Number of frames to make.

    Returns:
        np.ndarray: A new array ``(M, length, ...)``, float32.
    """
    left, right, weight, opposite = _neighbours(array.shape[1], length)
    # frames as rows of one number list: short inner axes are slow
    shape = (len(array), length, *array.shape[2:])
    frames = array.reshape(len(array), array.shape[1], -1)
    resized = frames.take(right, axis=1)
    resized *= weight
    earlier = frames.take(left, axis=1)
    earlier *= opposite
    resized += earlier
    return resized.reshape(shape)


@lru_cache(maxsize=1024)
def _neighbours(num_frames: int, length: int) -> Tuple[np.ndarray, ...]:
    """Which two frames make each new one: left, right and their weights."""
    last = num_frames - 1
    # Scale and places are rounded to float32 because torch does so: then
    # both agree to the last digits, however fast somebody moves.
    scale = np.float32(num_frames) / np.float32(length)
    place = float(scale) * (np.arange(length) + 0.5) - 0.5
    place = place.clip(0, last).astype(np.float32)
    left = place.astype(np.intp)
    right = np.minimum(left + 1, last)
    weight = (place - left.astype(np.float32))[:, None]
    return left, right, weight, 1 - weight
