"""Turn a whole clip by one random rotation."""

from typing import Dict, Sequence, Union

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from deeprank_mm.arguments import check_arguments

from .keypoint import split_score, take_keypoint


@TRANSFORMS.register_module()
class RandomRotation(BaseTransform):
    """Rotate all persons and frames by the same random rotation.

    Each angle is uniform in ``[-theta_i, theta_i]``; the rotation about the
    origin is ``Rz @ Ry @ Rx``: first about x, then y, then z (the order of
    the STTFormer family's feeder). 2D keypoints turn in their plane, by the
    angle about z. Three angles are drawn from ``np.random`` either way.

    Centre the skeleton first (:class:`CentreSkeleton`), or a rotation also
    carries it through the room. Missing joints (zero) stay zero.

    Required Keys:

    - keypoint (np.ndarray): Shape ``(M, T, V, C)``, C = 2 or 3 and perhaps a
      score.

    Modified Keys:

    - keypoint (np.ndarray): Same shape and unit, float32. Scores are never
      touched.

    Args:
        theta (float | Sequence[float]): Largest angle in radians, of all
            axes or of x, y and z, for example ``(0.3, 3.14, 0.3)`` to turn
            freely about a vertical y axis. Defaults to 0.3.
        score_channel (bool): Whether the last channel is a score. Defaults
            to False.

    Raises:
        ValueError: If ``theta`` is negative or not one or three numbers.
    """

    @check_arguments
    def __init__(
        self,
        theta: Union[float, Sequence[float]] = 0.3,
        score_channel: bool = False,
    ) -> None:
        angles = np.atleast_1d(np.asarray(theta, dtype=np.float64))
        if angles.shape not in ((1,), (3,)) or not (angles >= 0).all():
            raise ValueError(
                'RandomRotation: theta must be one or three '
                f'angles of 0 or more, but got {theta}'
            )
        self.theta = tuple(float(a) for a in np.broadcast_to(angles, 3))
        self.score_channel = score_channel

    def transform(self, results: Dict) -> Dict:
        """Rotate the clip.

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
        angles = np.random.uniform(-1.0, 1.0, 3) * self.theta
        dims = xyz.shape[-1]
        if dims == 2:
            angles[:2] = 0.0
        # Row vectors: x @ R.T is R x. Laid out as it is read, and the joints
        # as one tall matrix: NumPy would multiply frame after frame.
        matrix = rotation_matrix(angles)[:dims, :dims].T
        matrix = matrix.astype(np.float32, order='C')
        turned = (xyz.reshape(-1, dims) @ matrix).reshape(xyz.shape)
        if rest.shape[-1]:
            turned = np.concatenate([turned, rest], axis=-1)
        results['keypoint'] = turned
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(theta={self.theta}, '
            f'score_channel={self.score_channel})'
        )


def rotation_matrix(angles: Sequence[float]) -> np.ndarray:
    """The rotation ``Rz @ Ry @ Rx`` of column vectors.

    Args:
        angles (Sequence[float]): Angles about x, y and z in radians,
            counter-clockwise seen from the axis's tip in a right-handed
            frame.

    Returns:
        np.ndarray: Shape ``(3, 3)``, float64.
    """
    # plain floats, and the product by hand: arrays of nine cost more to make
    (cx, cy, cz), (sx, sy, sz) = (
        np.cos(angles).tolist(),
        np.sin(angles).tolist(),
    )
    return np.array(
        [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
            [-sy, cy * sx, cy * cx],
        ]
    )
