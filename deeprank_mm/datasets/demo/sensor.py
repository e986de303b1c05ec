"""A depth camera: where it stands, and what it gets wrong."""

import numpy as np

from .body import PARENTS, rotation

#: Azimuth of the three viewpoints in degrees.
VIEWPOINTS = (-45.0, 0.0, 45.0)

_LIMBS = ((5, 6, 7, 21, 22), (9, 10, 11, 23, 24), (13, 14, 15), (17, 18, 19))
# Extremities are noisier than the trunk.
_NOISE_SCALE = np.ones(25)
_NOISE_SCALE[[0, 1, 2, 20]] = 0.5
_NOISE_SCALE[[7, 11, 15, 19]] = 1.5
_NOISE_SCALE[[21, 22, 23, 24]] = 2.0


def view(
    joints: np.ndarray, azimuth: float, rng: np.random.Generator
) -> np.ndarray:
    """Carry world coordinates into a camera's frame.

    Args:
        joints (np.ndarray): World coordinates in metres,
            shape ``(M, T, 25, 3)``.
        azimuth (float): Where the camera stands, in degrees.
        rng (np.random.Generator): Draws distance, height, tilt and the
            exact azimuth.

    Returns:
        np.ndarray: Camera coordinates (x to the camera's left, y up, z away
        from it) in metres, shape as the input.
    """
    azimuth = azimuth + rng.uniform(-8.0, 8.0)
    distance, height = rng.uniform(2.5, 4.2), rng.uniform(0.8, 1.5)
    # The camera aims at the people's middle, roughly.
    aim = np.rad2deg(np.arctan2(height - 0.9, distance))
    tilt = aim + rng.uniform(-5.0, 5.0)
    scene = joints - (0.0, height, 0.0)
    scene = scene @ rotation(1, np.array([azimuth]))[0].T
    scene = scene + (rng.uniform(-0.3, 0.3), 0.0, distance)
    return scene @ rotation(0, np.array([-tilt]))[0].T


def sense(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add the errors of a depth sensor's skeleton tracking.

    White and correlated noise that grows with distance and on the far side
    of the body, joints that drop out (zeros), limbs that are occluded for a
    while (dropped, or collapsed onto the joint before them) and a second
    person who is lost for a while.

    Args:
        joints (np.ndarray): Camera coordinates in metres,
            shape ``(M, T, 25, 3)``.
        rng (np.random.Generator): The source of randomness.

    Returns:
        np.ndarray: What the sensor reports, float32, same shape; a missing
        joint is exactly zero.
    """
    num_person, num_frames = joints.shape[:2]
    depth = joints[..., 2:]
    hidden = depth - depth.mean(2, keepdims=True)
    scale = _NOISE_SCALE[:, None] * (depth / 3.0) ** 2
    scale = scale * np.where(hidden > 0.08, 1.8, 1.0)
    level = rng.uniform(0.6, 1.5)
    white = rng.normal(0.0, 0.008, joints.shape)
    noise = white + _correlated(joints.shape, 0.025, 0.92, rng)
    seen = joints + level * scale * noise
    for m in range(num_person):
        _occlude(seen[m], rng)
        for _ in range(rng.poisson(2.5)):
            joint = rng.choice(25, p=_NOISE_SCALE / _NOISE_SCALE.sum())
            start = rng.integers(num_frames)
            seen[m, start : start + rng.integers(1, 7), joint] = 0.0
    if num_person > 1 and rng.random() < 0.2:
        start = rng.integers(num_frames)
        seen[1, start : start + rng.integers(3, 20)] = 0.0
    return seen.astype(np.float32)


def _correlated(
    shape, deviation: float, memory: float, rng: np.random.Generator
) -> np.ndarray:
    """Stationary first-order autoregressive noise along axis 1."""
    noise = rng.normal(0.0, deviation, shape)
    fresh = np.sqrt(1.0 - memory**2)
    for t in range(1, shape[1]):
        noise[:, t] = memory * noise[:, t - 1] + fresh * noise[:, t]
    return noise


def _occlude(person: np.ndarray, rng: np.random.Generator) -> None:
    """Hide one limb of a person for some frames, in place."""
    if rng.random() > 0.4:
        return
    # A limb that is farther away is hidden more often.
    depth = np.array([person[:, limb, 2].mean() for limb in _LIMBS])
    weight = np.exp((depth - depth.mean()) / 0.1)
    limb = _LIMBS[rng.choice(len(_LIMBS), p=weight / weight.sum())]
    start = rng.integers(len(person))
    frames = slice(start, start + rng.integers(4, 16))
    if rng.random() < 0.5:
        person[frames, limb] = 0.0
        return
    anchor = person[frames, PARENTS[limb[0]]][:, None]
    jitter = rng.normal(0.0, 0.04, (len(anchor), len(limb), 3))
    person[frames, limb] = anchor + jitter
