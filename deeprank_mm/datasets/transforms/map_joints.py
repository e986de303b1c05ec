"""Bring skeletons of one joint layout into the order of another."""

from typing import Dict, Sequence, Tuple, Union

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from deeprank_mm.arguments import check_arguments

from ..layouts import JOINT_NAMES
from .keypoint import take_keypoint, take_score


@TRANSFORMS.register_module()
class MapJoints(BaseTransform):
    """Take joints by their names, in the order of another layout.

    An encoder learns what each joint's number means. To use it on a data set
    that numbers the same joints otherwise, map one of the two: for example
    UTD-MHAD to NW-UCLA's order, ``source='utd_mhad', target='kinect20'``.
    Joints of the source that the target lacks are dropped.

    Put it first: every later step, the model's graph and the layout of
    ``GenerateModalities`` are then those of the target.

    Required Keys:

    - keypoint (np.ndarray): Shape ``(M, T, V, C)``, V as in the source.
    - keypoint_score (np.ndarray, optional): Shape ``(M, T, V)``.

    Modified Keys:

    - keypoint (np.ndarray): Shape ``(M, T, V', C)``, float32, V' as in the
      target.
    - keypoint_score (np.ndarray, optional): Shape ``(M, T, V')``, float32.

    Args:
        source (str | Sequence[str]): The layout of the data: one of
            :data:`deeprank_mm.datasets.layouts.JOINT_NAMES`, or the names of
            its joints in their order.
        target (str | Sequence[str]): The layout to make, in the same way.

    Raises:
        ValueError: If a layout is unknown, names a joint twice, or the
            source lacks a joint of the target.
    """

    @check_arguments
    def __init__(
        self,
        source: Union[str, Sequence[str]],
        target: Union[str, Sequence[str]],
    ) -> None:
        self.source = source
        self.target = target
        have, want = _names_of(source), _names_of(target)
        missing = [name for name in want if name not in have]
        if missing:
            raise ValueError(
                f'MapJoints: the source layout lacks {", ".join(missing)} of '
                'the target; where it has them under other names, give both '
                'layouts as lists with the same names'
            )
        self.order = np.array([have.index(name) for name in want])
        self._num_source = len(have)

    def transform(self, results: Dict) -> Dict:
        """Reorder the joints.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample, with new arrays.

        Raises:
            KeyError: If there is no ``keypoint``.
            ValueError: If a shape is not as required, or the joints are not
                as many as the source's.
        """
        keypoint = take_keypoint(results, self)
        score = take_score(results, keypoint, self)
        if keypoint.shape[2] != self._num_source:
            raise ValueError(
                f'MapJoints: the skeletons have {keypoint.shape[2]} joints, '
                f'but the source layout has {self._num_source}; set `source` '
                'to that of the data'
            )
        results['keypoint'] = keypoint.take(self.order, axis=2)
        if score is not None:
            results['keypoint_score'] = score.take(self.order, axis=2)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(source={self.source!r}, '
            f'target={self.target!r})'
        )


def _names_of(layout: Union[str, Sequence[str]]) -> Tuple[str, ...]:
    """The names of a layout's joints."""
    if isinstance(layout, str):
        if layout not in JOINT_NAMES:
            raise ValueError(
                f'MapJoints: no joint names are known of layout {layout!r}, '
                f'only of {sorted(JOINT_NAMES)}; give a list of names'
            )
        return JOINT_NAMES[layout]
    names = tuple(layout)
    if len(set(names)) < len(names) or not names:
        raise ValueError(
            'MapJoints: a layout must name each of its joints once, but got '
            f'{list(names)}'
        )
    return names
