"""Poses as vectors of joint angles: their channels, limits and writing."""

from typing import Dict, Optional, Sequence

import numpy as np

LEAD, OTHER = 'lead_', 'other_'

# name: (neutral, lowest, highest), degrees; 'lift' is metres.
_TRUNK = dict(
    bend=(2.0, -25.0, 110.0),
    side=(0.0, -35.0, 35.0),
    twist=(0.0, -70.0, 70.0),
    nod=(0.0, -35.0, 45.0),
    look=(0.0, -60.0, 60.0),
    tilt=(0.0, -30.0, 30.0),
    turn=(0.0, -180.0, 180.0),
    lift=(0.0, 0.0, 1.0),
)
_SIDE = dict(
    elev=(8.0, 0.0, 175.0),
    plane=(60.0, -40.0, 130.0),
    spin=(0.0, -95.0, 95.0),
    elbow=(15.0, 2.0, 150.0),
    wrist=(5.0, -50.0, 60.0),
    hip=(0.0, -35.0, 120.0),
    spread=(4.0, -10.0, 50.0),
    knee=(4.0, 1.0, 145.0),
)

#: Channel name -> (neutral, lowest, highest) value.
LIMITS: Dict[str, tuple] = dict(
    _TRUNK,
    **{
        role + name: limit
        for role in (LEAD, OTHER)
        for name, limit in _SIDE.items()
    },
)
CHANNELS = tuple(LIMITS)
CHANNEL_INDEX = {name: i for i, name in enumerate(CHANNELS)}
NEUTRAL = np.array([LIMITS[name][0] for name in CHANNELS])
LOWEST = np.array([LIMITS[name][1] for name in CHANNELS])
HIGHEST = np.array([LIMITS[name][2] for name in CHANNELS])

_ARM = ('elev', 'plane', 'spin', 'elbow')
_LEG = ('hip', 'spread', 'knee')
_SHAPES = dict(arm=_ARM, leg=_LEG)


def pose(
    arm: Optional[Sequence[float]] = None,
    other_arm: Optional[Sequence[float]] = None,
    leg: Optional[Sequence[float]] = None,
    other_leg: Optional[Sequence[float]] = None,
    **trunk: float,
) -> np.ndarray:
    """Write a pose as its difference from standing at ease.

    Args:
        arm (Sequence[float], optional): Leading arm: elevation, plane of
            elevation, turn about its axis and elbow flexion.
        other_arm (Sequence[float], optional): The same for the other arm.
        leg (Sequence[float], optional): Leading leg: hip flexion, spread and
            knee flexion.
        other_leg (Sequence[float], optional): The same for the other leg.
        **trunk (float): Any single channel by its name.

    Returns:
        np.ndarray: Degrees to add to :data:`NEUTRAL`, one per channel.
    """
    target = NEUTRAL.copy()
    for role, kind, values in (
        (LEAD, 'arm', arm),
        (OTHER, 'arm', other_arm),
        (LEAD, 'leg', leg),
        (OTHER, 'leg', other_leg),
    ):
        if values is not None:
            for name, value in zip(_SHAPES[kind], values):
                target[CHANNEL_INDEX[role + name]] = value
    for name, value in trunk.items():
        target[CHANNEL_INDEX[name]] = value
    return target - NEUTRAL
