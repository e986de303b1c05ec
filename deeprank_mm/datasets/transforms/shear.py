"""Slant a whole clip by one random shear."""

from typing import Dict

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from deeprank_mm.arguments import check_arguments

from .keypoint import split_score, take_keypoint


@TRANSFORMS.register_module()
class Shear(BaseTransform):
    """Multiply all persons and frames by the same random shear matrix.

    The matrix has ones on its diagonal and numbers uniform in
    ``[-amplitude, amplitude]`` elsewhere: the contrastive family's
    augmentation. 2D keypoints are sheared in their plane. Six numbers are
    drawn from ``np.random`` either way.

    Centre the skeleton first (:class:`CentreSkeleton`), or a shear also
    carries it through the room. Missing joints (zero) stay zero.

    Required Keys:

    - keypoint (np.ndarray): Shape ``(M, T, V, C)``, C = 2 or 3 and perhaps a
      score.

    Modified Keys:

    - keypoint (np.ndarray): Same shape and unit, float32. Scores are never
      touched.

    Args:
        amplitude (float): Largest slant. Defaults to 0.5.
        score_channel (bool): Whether the last channel is a score. Defaults
            to False.

    Raises:
        ValueError: If the amplitude is negative.
    """

    @check_arguments
    def __init__(
        self, amplitude: float = 0.5, score_channel: bool = False
    ) -> None:
        if amplitude < 0:
            raise ValueError(
                f'Shear: amplitude must be 0 or more, but got {amplitude}'
            )
        self.amplitude = float(amplitude)
        self.score_channel = score_channel

    def transform(self, results: Dict) -> Dict:
        """Shear the clip.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample, with a new ``keypoint``.

        Raises:
            KeyError: If there is no ``keypoint``.
            ValueError: If its shape is not as required.
        """
        keypoint = take_keypoint(results, self)
        xyz, rest = split_score(keypoint, self.score_channel, results, self)
        matrix = np.eye(3)
        matrix[matrix == 0] = self.amplitude * np.random.uniform(-1.0, 1.0, 6)
        dims = xyz.shape[-1]
        matrix = matrix[:dims, :dims].astype(np.float32)
        # Row vectors: x @ S.T is S x.
        results['keypoint'] = np.concatenate([xyz @ matrix.T, rest], axis=-1)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(amplitude={self.amplitude}, '
            f'score_channel={self.score_channel})'
        )
