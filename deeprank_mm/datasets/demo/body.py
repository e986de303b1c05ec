"""A 25-joint body and its forward kinematics.

Body frame: x to the person's right, y up, z backwards (a person at yaw 0
faces -z, that is, a camera that looks along +z). This is the Kinect v2
camera frame for somebody who faces the camera.
"""

from dataclasses import dataclass
from typing import Dict, Tuple

import numpy as np

from .pose import CHANNEL_INDEX, LEAD, OTHER

NUM_JOINTS = 25

#: ``child: parent`` of the rigid segments, in NTU RGB+D's joint order, root
#: (0, base of the spine) left out. A parent precedes its child here.
PARENTS: Dict[int, int] = {
    1: 0,
    20: 1,
    2: 20,
    3: 2,
    4: 20,
    5: 4,
    6: 5,
    7: 6,
    21: 7,
    22: 7,
    8: 20,
    9: 8,
    10: 9,
    11: 10,
    23: 11,
    24: 11,
    12: 0,
    13: 12,
    14: 13,
    15: 14,
    16: 0,
    17: 16,
    18: 17,
    19: 18,
}

# Joint numbers of one side: shoulder, elbow, wrist, hand, tip, thumb; hip,
# knee, ankle, foot.
_LEFT = ((4, 5, 6, 7, 21, 22), (12, 13, 14, 15))
_RIGHT = ((8, 9, 10, 11, 23, 24), (16, 17, 18, 19))

# Metres, an adult of 1.75 m standing with hanging arms; the right side, the
# left one mirrors x.
_CENTRE_OFFSETS = {
    1: (0.0, 0.30, 0.0),
    20: (0.0, 0.22, 0.01),
    2: (0.0, 0.08, 0.0),
    3: (0.0, 0.13, -0.02),
}
_ARM_OFFSETS = (
    (0.17, -0.05, 0.0),
    (0.0, -0.28, 0.0),
    (0.0, -0.25, 0.0),
    (0.0, -0.07, 0.0),
    (0.0, -0.08, 0.0),
    (0.0, -0.02, -0.04),
)
_LEG_OFFSETS = (
    (0.08, -0.04, 0.0),
    (0.0, -0.41, 0.0),
    (0.0, -0.39, 0.0),
    (0.0, -0.07, -0.13),
)
_STATURE = 1.75


@dataclass(frozen=True)
class Body:
    """The rigid segments of one person.

    Args:
        offsets (np.ndarray): Position of every joint in the frame of its
            parent's segment at rest, in metres, shape ``(25, 3)``; the
            root's row is zero.
    """

    offsets: np.ndarray

    @classmethod
    def sample(cls, rng: np.random.Generator) -> 'Body':
        """Draw a body: stature, then the proportions of each segment.

        Args:
            rng (np.random.Generator): The source of randomness.

        Returns:
            Body: A symmetric body between about 1.5 and 2.0 metres tall.
        """
        stature = rng.uniform(1.50, 1.95) / _STATURE
        trunk, arm, leg = np.exp(rng.normal(0.0, 0.05, 3))
        breadth = np.exp(rng.normal(0.0, 0.10))
        offsets = np.zeros((NUM_JOINTS, 3))
        for joint, offset in _CENTRE_OFFSETS.items():
            offsets[joint] = np.multiply(offset, trunk)
        arm_own = np.exp(rng.normal(0.0, 0.03, len(_ARM_OFFSETS)))
        leg_own = np.exp(rng.normal(0.0, 0.03, len(_LEG_OFFSETS)))
        for (arms, legs), mirror in ((_LEFT, -1.0), (_RIGHT, 1.0)):
            for i, joint in enumerate(arms):
                scale = breadth if i == 0 else arm * arm_own[i]
                offsets[joint] = np.multiply(_ARM_OFFSETS[i], scale)
                offsets[joint, 0] *= mirror
            for i, joint in enumerate(legs):
                scale = breadth if i == 0 else leg * leg_own[i]
                offsets[joint] = np.multiply(_LEG_OFFSETS[i], scale)
                offsets[joint, 0] *= mirror
        return cls(offsets * stature)


def rotation(axis: int, degrees: np.ndarray) -> np.ndarray:
    """Right-handed rotations about one coordinate axis.

    Args:
        axis (int): 0, 1 or 2 for x, y or z.
        degrees (np.ndarray): Angles, shape ``(T, )``.

    Returns:
        np.ndarray: Matrices for column vectors, shape ``(T, 3, 3)``.
    """
    radians = np.deg2rad(degrees)
    cos, sin = np.cos(radians), np.sin(radians)
    matrix = np.zeros((len(radians), 3, 3))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, axis, axis] = 1.0
    matrix[:, first, first] = matrix[:, second, second] = cos
    matrix[:, first, second] = -sin
    matrix[:, second, first] = sin
    return matrix


def forward_kinematics(
    body: Body, angles: np.ndarray, lead: str, yaw: float
) -> np.ndarray:
    """Turn joint angles into joint positions on a floor.

    The feet carry the body: the lowest foot stands on the floor (``y = 0``,
    plus the channel ``lift`` in a jump), and the foot that is lower does not
    slide, so that steps move the body and nothing else does.

    Args:
        body (Body): The person's segments.
        angles (np.ndarray): Joint angles in degrees (``lift`` in metres),
            shape ``(T, num_channels)``, columns as in
            :data:`~deeprank_mm.datasets.demo.pose.CHANNELS`.
        lead (str): Which side plays the leading one, ``'left'`` or
            ``'right'``.
        yaw (float): Heading at the start in degrees; 0 faces -z, positive
            turns to the person's left.

    Returns:
        np.ndarray: World coordinates in metres, shape ``(T, 25, 3)``; the
        root starts above the origin.
    """

    def channel(name: str) -> np.ndarray:
        return angles[:, CHANNEL_INDEX[name]]

    mirror = 1.0 if lead == 'right' else -1.0
    pelvis = rotation(1, yaw + mirror * channel('turn'))
    half_spine = (
        rotation(1, mirror * channel('twist') / 2)
        @ rotation(2, -mirror * channel('side') / 2)
        @ rotation(0, -channel('bend') / 2)
    )
    lower = pelvis @ half_spine
    chest = lower @ half_spine
    head = (
        chest
        @ rotation(1, mirror * channel('look'))
        @ rotation(2, -mirror * channel('tilt'))
        @ rotation(0, -channel('nod'))
    )
    # Orientation of the segment that ENDS in a joint.
    frame = {1: lower, 20: chest, 2: chest, 3: head}
    for (arms, legs), sign in ((_LEFT, -1.0), (_RIGHT, 1.0)):
        role = LEAD if (sign > 0) == (lead == 'right') else OTHER
        _arm_frames(frame, arms, chest, sign, role, channel)
        _leg_frames(frame, legs, pelvis, sign, role, channel)

    joints = np.zeros((len(angles), NUM_JOINTS, 3))
    for child, parent in PARENTS.items():
        joints[:, child] = (
            joints[:, parent] + frame[child] @ body.offsets[child]
        )
    return _stand(joints, channel('lift'))


def _arm_frames(frame, arms, chest, sign, role, channel) -> None:
    """Add the segments of one arm to ``frame``.

    The upper arm swings by ``elev`` (0 hangs, 90 level, 180 up) in the plane
    ``plane`` (0 forwards, 90 sideways, negative across the body), after a
    turn about its own axis by ``spin`` (positive is inwards).
    """
    plane = sign * channel(role + 'plane')
    upper = (
        chest
        @ rotation(1, -plane)
        @ rotation(0, channel(role + 'elev'))
        @ rotation(1, plane)
        @ rotation(1, sign * channel(role + 'spin'))
    )
    fore = upper @ rotation(0, channel(role + 'elbow'))
    hand = fore @ rotation(0, channel(role + 'wrist'))
    frame.update(zip(arms, (chest, upper, fore, hand, hand, hand)))


def _leg_frames(frame, legs, pelvis, sign, role, channel) -> None:
    """Add the segments of one leg to ``frame``.

    Legs hang from the pelvis, which turns but does not bend with the trunk.
    """
    hip, knee = channel(role + 'hip'), channel(role + 'knee')
    thigh = (
        pelvis
        @ rotation(0, hip)
        @ rotation(2, sign * channel(role + 'spread'))
    )
    shin = thigh @ rotation(0, -knee)
    # An ankle keeps its sole level as far as it can.
    foot = shin @ rotation(0, np.clip(knee - hip, -50.0, 35.0))
    frame.update(zip(legs, (pelvis, thigh, shin, foot)))


def _stand(joints: np.ndarray, lift: np.ndarray) -> np.ndarray:
    """Put the root where planted feet put it."""
    ankles = joints[:, (14, 18)]
    soles = np.minimum(joints[:, (15, 19), 1], ankles[..., 1] - 0.05)
    root = np.zeros((len(joints), 3))
    root[:, 1] = lift - soles.min(1)
    # Share of each foot in carrying the weight: 2 cm decide.
    height = soles - soles.min(1, keepdims=True)
    share = np.exp(-height / 0.02)
    share /= share.sum(1, keepdims=True)
    share = (share[1:] + share[:-1]) / 2
    slide = (np.diff(ankles, axis=0) * share[..., None]).sum(1)
    root[1:, 0] = -np.cumsum(slide[:, 0])
    root[1:, 2] = -np.cumsum(slide[:, 2])
    return joints + root[:, None]


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    """Lengths of the rigid segments.

    Args:
        joints (np.ndarray): Joint positions, shape ``(..., 25, 3)``.

    Returns:
        np.ndarray: Shape ``(..., 24)``, in the order of :data:`PARENTS`.
    """
    pairs: Tuple = tuple(zip(*PARENTS.items()))
    return np.linalg.norm(
        joints[..., pairs[0], :] - joints[..., pairs[1], :], axis=-1
    )
