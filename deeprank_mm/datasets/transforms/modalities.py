"""Make joint, bone and motion streams from joint positions."""

import operator
from itertools import islice
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np
from mmaction.datasets.transforms import JointToBone
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from deeprank_mm.arguments import check_arguments

from ..layouts import LAYOUTS
from .keypoint import take_keypoint, take_score

MODALITIES = ('joint', 'bone', 'motion')
# MMAction2's layouts, and whether a third channel is a score there.
_MMACTION_LAYOUTS = {'nturgb+d': False, 'coco': True, 'openpose': True}
# Heatmaps may dip below zero a little; coordinates around a centre dip deep.
_LEAST_SCORE = -0.1


@TRANSFORMS.register_module()
class GenerateModalities(BaseTransform):
    """Join the modalities that a model asks for on the channel axis.

    - joint: the positions;
    - bone: a joint minus its parent, zero at the root;
    - motion: the next frame minus this one, zero at the last.

    With MMAction2's layout names the bones are exactly those of its
    ``JointToBone``, and the result is that of ``GenSkeFeat``. Any other
    skeleton is given as the dict that MMAction2's ``Graph`` takes.

    A score is no coordinate and is not differenced: each modality gets a
    score channel of its own, which is the joint's, the mean of the bone's two
    joints', or the mean of the two frames' (zero at the last). Scores are
    ``keypoint_score`` or, as in MMAction2, the third channel of ``'coco'``
    and ``'openpose'`` keypoints.

    Crop, resize and rotate before: differences of the final positions are
    what the encoders see.

    Required Keys:

    - keypoint (np.ndarray): Shape ``(M, T, V, C)``.
    - keypoint_score (np.ndarray, optional): Shape ``(M, T, V)``; consumed.

    Modified Keys:

    - keypoint (np.ndarray): Shape ``(M, T, V, C' * n)``, float32, for n
      modalities in the order asked; C' is C, and one more where
      ``keypoint_score`` was present.

    Args:
        layout (str | dict): ``'nturgb+d'``, ``'coco'``, ``'openpose'``, one
            of :data:`deeprank_mm.datasets.layouts.LAYOUTS`, or
            ``dict(num_node=, inward=, center=)`` with ``(child, parent)``
            pairs. Defaults to ``'nturgb+d'``.
        modalities (str | Sequence[str]): Some of ``'joint'``, ``'bone'`` and
            ``'motion'``. Defaults to ``('joint', )``.

    Raises:
        ValueError: If a modality or the layout is unknown, or the layout is
            not a tree of its joints.
    """

    @check_arguments
    def __init__(
        self,
        layout: Union[str, Dict[str, Any]] = 'nturgb+d',
        modalities: Union[str, Sequence[str]] = ('joint',),
    ) -> None:
        if isinstance(modalities, str):
            modalities = (modalities,)
        unknown = [name for name in modalities if name not in MODALITIES]
        if unknown or not modalities:
            raise ValueError(
                'GenerateModalities: modalities must be some of '
                f'{list(MODALITIES)}, but got {list(modalities)}'
            )
        self.layout = layout
        self.modalities = tuple(modalities)
        self.parents = joint_parents(layout)
        self._third_is_score = isinstance(
            layout, str
        ) and _MMACTION_LAYOUTS.get(layout, False)

    def transform(self, results: Dict) -> Dict:
        """Generate and join the modalities.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample, with a new ``keypoint`` and without
            ``keypoint_score``.

        Raises:
            KeyError: If there is no ``keypoint``.
            ValueError: If a shape is not as required, the joints are not as
                many as the layout's, there are two sorts of scores, or what
                should be scores are none.
        """
        keypoint = take_keypoint(results, self)
        if keypoint.shape[2] != len(self.parents):
            raise ValueError(
                f'GenerateModalities: the skeletons have {keypoint.shape[2]} '
                f'joints, but layout {self._layout_name()} has '
                f'{len(self.parents)}; set `layout` to that of the data'
            )
        xyz, score = self._take_parts(results, keypoint)
        make = dict(joint=_joint, bone=self._bone, motion=_motion)
        parts = []
        for name in self.modalities:
            parts.extend(make[name](xyz, score))
        results['keypoint'] = np.concatenate(parts, axis=-1)
        results.pop('keypoint_score', None)
        return results

    def _take_parts(
        self, results: Dict, keypoint: np.ndarray
    ) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        """Coordinates ``(M, T, V, C)`` and scores ``(M, T, V, 1)``."""
        score = take_score(results, keypoint, self)
        inline = self._third_is_score and keypoint.shape[-1] == 3
        if score is not None and inline:
            raise ValueError(
                "GenerateModalities: there is 'keypoint_score' and, with "
                f'layout {self.layout!r}, a score in the third channel of '
                "'keypoint'; keep one of them"
            )
        if inline:
            self._check_inline(keypoint[..., 2])
            return keypoint[..., :2], keypoint[..., 2:]
        return keypoint, None if score is None else score[..., None]

    def _check_inline(self, score: np.ndarray) -> None:
        """Refuse a third channel that was moved as a coordinate."""
        if score.min() >= _LEAST_SCORE:
            return
        raise ValueError(
            f'GenerateModalities: layout {self.layout!r} takes the third '
            f'channel as a score, but it is as low as {score.min():.3g}. If '
            'it is one, the steps before must leave it alone: give '
            'CentreSkeleton, RandomRotation and Shear score_channel=True. If '
            'it is a coordinate, give the layout as dict(num_node=, inward=, '
            'center=)'
        )

    def _bone(self, xyz, score):
        bone = xyz - xyz.take(self.parents, axis=2)
        if score is None:
            return (bone,)
        return bone, (score + score.take(self.parents, axis=2)) / 2

    def _layout_name(self) -> str:
        return repr(self.layout) if isinstance(self.layout, str) else 'dict'

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(layout={self.layout!r}, '
            f'modalities={self.modalities})'
        )


def _joint(xyz, score):
    return (xyz,) if score is None else (xyz, score)


def _motion(xyz, score):
    motion = np.zeros_like(xyz)
    np.subtract(xyz[:, 1:], xyz[:, :-1], out=motion[:, :-1])
    if score is None:
        return (motion,)
    mean = np.zeros_like(score)
    mean[:, :-1] = (score[:, 1:] + score[:, :-1]) / 2
    return motion, mean


def joint_parents(layout: Union[str, Dict[str, Any]]) -> np.ndarray:
    """The parent of each joint.

    Args:
        layout (str | dict): As in :class:`GenerateModalities`.

    Returns:
        np.ndarray: Shape ``(V, )``, int; the root is its own parent.

    Raises:
        ValueError: If the layout is unknown, incomplete or not a tree of its
            joints.
    """
    if isinstance(layout, str):
        if layout in _MMACTION_LAYOUTS:
            pairs = JointToBone(dataset=layout).pairs
            return _parents_of(len(pairs), pairs)
        if layout not in LAYOUTS:
            known = [*_MMACTION_LAYOUTS, *LAYOUTS]
            raise ValueError(
                f'GenerateModalities: layout {layout!r} is unknown, use one '
                f'of {known} or dict(num_node=, inward=, center=)'
            )
        layout = LAYOUTS[layout]
    missing = {'num_node', 'inward', 'center'} - set(layout)
    if missing:
        raise ValueError(
            f'GenerateModalities: the layout dict lacks {sorted(missing)}'
        )
    try:
        num_node, center = map(
            operator.index, (layout['num_node'], layout['center'])
        )
        pairs = [
            (operator.index(child), operator.index(parent))
            for child, parent in layout['inward']
        ]
    except (TypeError, ValueError):
        raise ValueError(
            'GenerateModalities: the layout dict must have num_node=int, '
            f'inward=[(child, parent), ...] and center=int, but is {layout}'
        ) from None
    return _parents_of(num_node, [*pairs, (center, center)])


def _parents_of(num_node: int, pairs: Sequence[Tuple[int, int]]) -> np.ndarray:
    parents: Dict[int, int] = {}
    for child, parent in pairs:
        if not (0 <= child < num_node and 0 <= parent < num_node):
            raise ValueError(
                f'GenerateModalities: layout edge ({child}, {parent}) names '
                f'a joint outside of 0..{num_node - 1}'
            )
        if child in parents:
            raise ValueError(
                f'GenerateModalities: joint {child} of the layout has two '
                f'parents, {parents[child]} and {parent}; give each joint '
                'one, and `center` none'
            )
        parents[child] = parent
    orphans = (joint for joint in range(num_node) if joint not in parents)
    first = list(islice(orphans, 5))
    if first:
        raise ValueError(
            f'GenerateModalities: joints {first} of the layout have no '
            'parent; only `center` may have none'
        )
    for joint in parents:
        above = joint
        for _ in parents:
            above = parents[above]
        if parents[above] != above:
            raise ValueError(
                f'GenerateModalities: from joint {joint} of the layout no '
                'way leads to `center`, but round in a circle'
            )
    return np.array([parents[joint] for joint in range(num_node)])
