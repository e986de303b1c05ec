"""What the bodies of a data set look like: bones, sides, layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

from mmaction.models.utils import Graph
from mmaction.registry import TRANSFORMS
from mmengine.config import Config
from torch.utils.data import Dataset

from deeprank_mm.datasets import with_pipeline
from deeprank_mm.datasets.layouts import JOINT_NAMES, LAYOUTS
from deeprank_mm.nested import dicts_in, type_name

__all__ = [
    'Layout',
    'Skeleton',
    'as_recorded',
    'find_layout',
    'skeleton_of',
    'steps_of',
]

Layout = Union[str, Mapping[str, Any]]

# Joints of MMAction2's layouts: left, right, and the head.
_MMACTION_BODIES: dict[str, tuple[Sequence[int], Sequence[int], int]] = {
    'nturgb+d': (
        (4, 5, 6, 7, 12, 13, 14, 15, 21, 22),
        (8, 9, 10, 11, 16, 17, 18, 19, 23, 24),
        3,
    ),
    'openpose': (
        (5, 6, 7, 11, 12, 13, 15, 17),
        (2, 3, 4, 8, 9, 10, 14, 16),
        0,
    ),
    'coco': (range(1, 17, 2), range(2, 17, 2), 0),
}
# Their third channel is a score in MMAction2.
_SCORED = ('openpose', 'coco')
# Steps that put joints and people into their places and change no coordinate.
_ARRANGING = ('DecompressPose', 'MapJoints')


@dataclass(frozen=True)
class Skeleton:
    """What a joint layout looks like.

    Attributes:
        num_joints (int): V.
        bones (list[tuple[int, int]]): (child, parent).
        sides (list[str]): Of each joint: ``left``, ``right`` or ``centre``.
        head (int, optional): The joint drawn as a head.
        scored (bool): Whether a third channel is a score.
    """

    num_joints: int
    bones: list[tuple[int, int]]
    sides: list[str]
    head: Optional[int] = None
    scored: bool = False


def skeleton_of(layout: Layout) -> Skeleton:
    """Bones and sides of a layout.

    Args:
        layout (str or Mapping): A name of MMAction2 (``'nturgb+d'``,
            ``'openpose'``, ``'coco'``) or of
            :data:`~deeprank_mm.datasets.LAYOUTS`, or
            ``dict(num_node=, inward=, center=)``. A dict may also name the
            joints ``left=`` and ``right=``; without them, one with the edges
            of a known layout has its sides, and any other is all centre.

    Returns:
        Skeleton: The body.

    Raises:
        ValueError: The layout is unknown, or an edge leads nowhere.
    """
    if isinstance(layout, str):
        if layout in _MMACTION_BODIES:
            graph = Graph(layout)
            left, right, head = _MMACTION_BODIES[layout]
            return _body(
                graph.num_node,
                graph.inward,
                left,
                right,
                head,
                layout in _SCORED,
            )
        if layout not in LAYOUTS:
            raise ValueError(
                f'joint layout {layout!r} is unknown: use one of '
                f'{[*_MMACTION_BODIES, *LAYOUTS]} or dict(num_node=, '
                'inward=, center=)'
            )
        return _body(*_edges(LAYOUTS[layout]), *_named_sides(layout))
    missing = {'num_node', 'inward'} - set(layout)
    if missing:
        raise ValueError(f'the joint layout lacks {sorted(missing)}')
    joints, bones = _edges(layout)
    if 'left' in layout or 'right' in layout:
        return _body(
            joints, bones, layout.get('left', ()), layout.get('right', ())
        )
    for name, known in LAYOUTS.items():
        if (joints, set(bones)) == (known['num_node'], set(known['inward'])):
            return _body(joints, bones, *_named_sides(name))
    return _body(joints, bones)


def _edges(layout: Mapping) -> tuple[int, list[tuple[int, int]]]:
    return layout['num_node'], [tuple(edge) for edge in layout['inward']]


def _named_sides(name: str) -> tuple[list[int], list[int], int]:
    names = JOINT_NAMES[name]
    left, right = (
        [i for i, joint in enumerate(names) if joint.startswith(side)]
        for side in ('left_', 'right_')
    )
    return left, right, names.index('head')


def _body(
    joints: int,
    bones: Sequence[tuple[int, int]],
    left: Sequence[int] = (),
    right: Sequence[int] = (),
    head: Optional[int] = None,
    scored: bool = False,
) -> Skeleton:
    for bone in bones:
        if not all(0 <= joint < joints for joint in bone):
            raise ValueError(
                f'edge {tuple(bone)} of the joint layout names a joint '
                f'outside of 0..{joints - 1}'
            )
    sides = ['centre'] * joints
    for side, members in (('left', left), ('right', right)):
        for joint in members:
            sides[joint] = side
    return Skeleton(joints, [tuple(b) for b in bones], sides, head, scored)


def find_layout(cfg: Any) -> Layout:
    """The joint layout that a config's data have.

    Args:
        cfg (Config, dict or list): A config, or a part such as a pipeline.

    Returns:
        str or dict: Of the first ``GenerateModalities``, ``GenSkeFeat``,
        ``JointToBone`` or else ``graph_cfg`` in it.

    Raises:
        ValueError: There is none of them.
    """
    if isinstance(cfg, Config):
        cfg = cfg.to_dict()
    nodes = list(dicts_in(cfg))
    for kind, key in (
        ('GenerateModalities', 'layout'),
        ('GenSkeFeat', 'dataset'),
        ('JointToBone', 'dataset'),
    ):
        for node in nodes:
            if _kind(node) == kind:
                return node.get(key, 'nturgb+d')
    for node in nodes:
        graph = node.get('graph_cfg')
        if isinstance(graph, Mapping) and 'layout' in graph:
            return graph['layout']
    raise ValueError(
        'the config names no joint layout: neither a pipeline step '
        'GenerateModalities, GenSkeFeat or JointToBone, nor a graph_cfg of '
        'the model'
    )


def steps_of(dataset_cfg: Mapping) -> list:
    """The pipeline of a data set's config, inside of any wrappers.

    Args:
        dataset_cfg (Mapping): As in ``train_dataloader.dataset``.

    Returns:
        list: The steps.

    Raises:
        ValueError: There is none.
    """
    while 'pipeline' not in dataset_cfg:
        if not isinstance(dataset_cfg.get('dataset'), Mapping):
            raise ValueError(
                f'the {dataset_cfg.get("type")} of the config has no pipeline'
            )
        dataset_cfg = dataset_cfg['dataset']
    return list(dataset_cfg['pipeline'])


def as_recorded(dataset: Dataset, pipeline: Sequence) -> Dataset:
    """See the sequences of a data set as they are before augmentation.

    Args:
        dataset (Dataset): See :func:`~deeprank_mm.datasets.with_pipeline`.
        pipeline (Sequence[dict]): Of its config. First steps that only
            arrange people and joints are kept, so that the joints are those
            of :func:`find_layout`.

    Returns:
        Dataset: Of annotations, with ``keypoint`` ``(M, T, V, C)``.
    """
    steps = []
    for step in pipeline:
        if _kind(step) not in _ARRANGING:
            break
        steps.append(TRANSFORMS.build(step))
    return with_pipeline(dataset, steps)


def _kind(node: Any) -> str:
    """Name of a registered type, without its scope."""
    return type_name(node.get('type')) if isinstance(node, Mapping) else ''
