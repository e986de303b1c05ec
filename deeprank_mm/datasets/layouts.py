"""Joint orders of the data sets that MMAction2 has no name for.

A layout is the dict that MMAction2's ``Graph`` takes as ``layout``:
``num_node``, ``inward`` edges as ``(child, parent)`` pairs that all lead to
``center``, and ``center``. As in MMAction2's ``nturgb+d`` the centre is the
joint between the shoulders.
"""

import copy
from typing import Any

__all__ = ['JOINT_NAMES', 'LAYOUTS', 'get_layout']

# The four limbs, from the body outwards, are the same in both orders.
_LIMBS = (
    'left_shoulder',
    'left_elbow',
    'left_wrist',
    'left_hand',
    'right_shoulder',
    'right_elbow',
    'right_wrist',
    'right_hand',
    'left_hip',
    'left_knee',
    'left_ankle',
    'left_foot',
    'right_hip',
    'right_knee',
    'right_ankle',
    'right_foot',
)

JOINT_NAMES: dict[str, tuple[str, ...]] = {
    # Kinect v1 as NW-UCLA has it: from the hip upwards.
    'kinect20': ('hip_center', 'spine', 'shoulder_center', 'head') + _LIMBS,
    # Kinect v1 as UTD-MHAD has it: from the head downwards.
    'utd_mhad': ('head', 'shoulder_center', 'spine', 'hip_center') + _LIMBS,
}

LAYOUTS: dict[str, dict[str, Any]] = {
    'kinect20': dict(
        num_node=20,
        inward=[
            (0, 1),
            (1, 2),
            (3, 2),
            (4, 2),
            (5, 4),
            (6, 5),
            (7, 6),
            (8, 2),
            (9, 8),
            (10, 9),
            (11, 10),
            (12, 0),
            (13, 12),
            (14, 13),
            (15, 14),
            (16, 0),
            (17, 16),
            (18, 17),
            (19, 18),
        ],
        center=2,
    ),
    'utd_mhad': dict(
        num_node=20,
        inward=[
            (0, 1),
            (2, 1),
            (3, 2),
            (4, 1),
            (5, 4),
            (6, 5),
            (7, 6),
            (8, 1),
            (9, 8),
            (10, 9),
            (11, 10),
            (12, 3),
            (13, 12),
            (14, 13),
            (15, 14),
            (16, 3),
            (17, 16),
            (18, 17),
            (19, 18),
        ],
        center=1,
    ),
}


def get_layout(name: str) -> dict[str, Any]:
    """A layout by name, for ``Graph(layout=...)`` or a config.

    Args:
        name (str): ``'kinect20'`` (NW-UCLA) or ``'utd_mhad'``.

    Returns:
        dict: ``num_node`` int, ``inward`` list of (child, parent), and
        ``center`` int; a copy that may be changed.

    Raises:
        KeyError: There is no such layout.
    """
    if name not in LAYOUTS:
        raise KeyError(
            f'no joint layout {name!r} here, only '
            f'{sorted(LAYOUTS)}; MMAction2 knows its own '
            "('nturgb+d', 'coco', 'openpose')"
        )
    return copy.deepcopy(LAYOUTS[name])
