"""What the demo's people do: every action as a list of key poses.

A script draws its variant (hand high or low, one repetition or three) from
``rng`` and returns :class:`Script`. Times are seconds at an average tempo;
the performer (:mod:`.performer`) adds the person's manner.
"""

from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Tuple

import numpy as np

from .pose import pose

#: Seconds since the previous key, and the pose to reach.
Keys = List[Tuple[float, np.ndarray]]
REST = pose()


@dataclass
class Script:
    """One performance of an action, before anybody's manner.

    Args:
        keys (Keys): Key poses of the acting person.
        partner (Keys, optional): Key poses of a second person who faces the
            first. Defaults to None (nobody else).
        gap (float): Distance between the two in metres. Defaults to 0.
        starts_low (bool): Whether the first key is also the pose before the
            action, instead of standing. Defaults to False.
        ends_low (bool): Whether the last key is kept until the end, instead
            of standing. Defaults to False.
    """

    keys: Keys
    partner: Optional[Keys] = None
    gap: float = 0.0
    starts_low: bool = False
    ends_low: bool = False


def drink(rng: np.random.Generator) -> Script:
    """Lift a cup to the mouth and tip it."""
    up = pose(arm=(46, 13, 31, 122), nod=-4)
    sip = pose(arm=(68, 5, 31, 124), nod=-18, lead_wrist=15)
    keys = [(0.8, up)]
    for _ in range(rng.integers(1, 3)):
        keys += [(0.35, sip), (0.4, sip), (0.3, up)]
    return Script(keys + [(0.7, REST)])


def phone_call(rng: np.random.Generator) -> Script:
    """Lift a telephone to the ear and listen."""
    ear = pose(arm=(100, 30, -10, 133), tilt=10)
    talk = pose(
        arm=(94, 34, -10, 133),
        tilt=6,
        nod=6,
        look=rng.uniform(-15, 15),
        other_elbow=25,
    )
    return Script([(0.8, ear), (0.6, talk), (0.6, ear), (0.7, REST)])


def wave(rng: np.random.Generator) -> Script:
    """Wave a hand beside or above the head."""
    lift = rng.uniform(55, 120)
    bend = 105 if lift < 90 else 65
    out = pose(arm=(lift, 80, -80, bend - 25), lead_wrist=-15)
    back = pose(arm=(lift, 72, -62, bend + 20), lead_wrist=15)
    keys = [(0.6, out)]
    for _ in range(rng.integers(2, 4)):
        keys += [(0.28, back), (0.28, out)]
    return Script(keys + [(0.6, REST)])


def throw(rng: np.random.Generator) -> Script:
    """Swing an arm back and throw."""
    back = pose(
        arm=(88, 100, -75, 100), twist=-30, bend=-6, other_arm=(40, 20, 0, 25)
    )
    release = pose(
        arm=(100, 15, -10, 30),
        twist=18,
        bend=12,
        leg=(-12, 4, 12),
        other_leg=(16, 4, 14),
    )
    follow = pose(
        arm=(35, -25, 15, 25),
        twist=32,
        bend=24,
        leg=(-12, 4, 16),
        other_leg=(18, 4, 20),
    )
    return Script(
        [
            (0.65, back),
            (0.3, release),
            (0.26, follow),
            (0.35, follow),
            (0.6, REST),
        ]
    )


def clap(rng: np.random.Generator) -> Script:
    """Clap hands before the chest or higher."""
    height = rng.uniform(30, 65)
    spin = rng.uniform(30, 35)
    apart = (height - 6, 35, 5, 90)
    meet = (height, 11, spin, 95)
    keys: Keys = [(0.55, pose(arm=apart, other_arm=apart))]
    for _ in range(rng.integers(2, 5)):
        keys += [
            (0.2, pose(arm=meet, other_arm=meet)),
            (0.2, pose(arm=apart, other_arm=apart)),
        ]
    return Script(keys + [(0.55, REST)])


def punch(rng: np.random.Generator) -> Script:
    """Punch forwards, once or twice, from a guard."""
    guard = pose(
        arm=(28, 25, 15, 125),
        other_arm=(35, 20, 25, 125),
        bend=8,
        leg=(-8, 6, 14),
        other_leg=(12, 6, 16),
    )
    hit = pose(
        arm=(rng.uniform(78, 95), -5, 20, 12),
        twist=30,
        bend=12,
        other_arm=(30, 25, 25, 130),
        leg=(-10, 6, 12),
        other_leg=(16, 6, 20),
    )
    keys = [(0.5, guard)]
    for _ in range(rng.integers(1, 3)):
        keys += [(0.2, hit), (0.28, guard)]
    return Script(keys + [(0.6, REST)])


def kick(rng: np.random.Generator) -> Script:
    """Kick forwards with one leg."""
    height = rng.uniform(45, 85)
    chamber = pose(
        leg=(-18, 5, 60),
        other_leg=(3, 4, 10),
        bend=4,
        other_arm=(25, 20, 0, 35),
    )
    hit = pose(
        leg=(height, 5, 10),
        other_leg=(-4, 4, 10),
        bend=-8,
        arm=(25, 110, 0, 25),
        other_arm=(35, 30, 0, 30),
    )
    return Script(
        [
            (0.45, chamber),
            (0.25, hit),
            (0.35, pose(leg=(25, 5, 55), bend=2)),
            (0.45, REST),
        ]
    )


def _seated(rng: np.random.Generator) -> np.ndarray:
    hands = (rng.uniform(15, 28), 15, 5, rng.uniform(45, 65))
    return pose(
        bend=8,
        leg=(84, 8, 88),
        other_leg=(84, 8, 88),
        arm=hands,
        other_arm=hands,
    )


def _half_down(rng: np.random.Generator) -> np.ndarray:
    hands = (rng.uniform(20, 40), 25, 0, 35)
    return pose(
        bend=42,
        leg=(62, 7, 78),
        other_leg=(62, 7, 78),
        arm=hands,
        other_arm=hands,
        nod=-12,
    )


def sit_down(rng: np.random.Generator) -> Script:
    """Sit down on a chair and stay."""
    return Script([(0.7, _half_down(rng)), (0.6, _seated(rng))], ends_low=True)


def stand_up(rng: np.random.Generator) -> Script:
    """Rise from a chair."""
    return Script(
        [(0.1, _seated(rng)), (0.55, _half_down(rng)), (0.7, REST)],
        starts_low=True,
    )


def squat(rng: np.random.Generator) -> Script:
    """Squat with arms stretched forwards, once or twice."""
    depth = rng.uniform(75, 105)
    arms = (rng.uniform(60, 90), 5, 0, 12)
    low = pose(
        bend=34,
        leg=(depth, 14, depth + 12),
        other_leg=(depth, 14, depth + 12),
        arm=arms,
        other_arm=arms,
        nod=-14,
    )
    keys = []
    for _ in range(rng.integers(1, 3)):
        keys += [(0.7, low), (0.2, low), (0.65, REST)]
    return Script(keys)


def jump(rng: np.random.Generator) -> Script:
    """Jump on the spot, swinging the arms."""
    swing = rng.uniform(25, 110)
    crouch_arms, fly_arms = (30, 110, 0, 15), (swing, 20, 0, 25)
    crouch = pose(
        bend=28,
        leg=(50, 5, 68),
        other_leg=(50, 5, 68),
        arm=crouch_arms,
        other_arm=crouch_arms,
    )
    take_off = pose(arm=fly_arms, other_arm=fly_arms)
    fly = pose(
        arm=fly_arms,
        other_arm=fly_arms,
        leg=(8, 4, 14),
        other_leg=(8, 4, 14),
        lift=rng.uniform(0.16, 0.36),
    )
    land = pose(
        bend=18,
        leg=(32, 5, 48),
        other_leg=(32, 5, 48),
        arm=(20, 50, 0, 25),
        other_arm=(20, 50, 0, 25),
    )
    return Script(
        [
            (0.5, crouch),
            (0.22, take_off),
            (0.2, fly),
            (0.2, pose(arm=fly_arms, other_arm=fly_arms)),
            (0.14, land),
            (0.45, REST),
        ]
    )


def bow(rng: np.random.Generator) -> Script:
    """Bow from the hips."""
    depth = rng.uniform(40, 80)
    hang = (rng.uniform(25, 50), 10, 0, 18)
    low = pose(
        bend=depth,
        nod=14,
        arm=hang,
        other_arm=hang,
        leg=(4, 4, 8),
        other_leg=(4, 4, 8),
    )
    return Script([(0.7, low), (rng.uniform(0.2, 0.6), low), (0.7, REST)])


def pick_up(rng: np.random.Generator) -> Script:
    """Bend down and pick something up with one hand."""
    knees = rng.uniform(15, 70)
    low = pose(
        bend=rng.uniform(75, 95),
        twist=14,
        side=-5,
        arm=(80, 15, 0, 10),
        other_arm=(35, 10, 0, 30),
        leg=(knees, 6, knees * 1.2),
        other_leg=(knees, 6, knees * 1.2),
    )
    held = pose(bend=8, arm=(22, 10, 20, 85), nod=12)
    return Script([(0.75, low), (0.25, low), (0.7, held), (0.45, REST)])


def walk(rng: np.random.Generator) -> Script:
    """Walk four to six steps, forwards."""
    stride, swing = rng.uniform(18, 28), rng.uniform(12, 30)
    front, rear = (swing, 20, 0, 28), (swing, 125, 0, 12)
    step = pose(
        leg=(stride, 3, 5),
        other_leg=(-stride * 0.7, 3, 12),
        arm=rear,
        other_arm=front,
        twist=6,
    )
    step_other = pose(
        leg=(-stride * 0.7, 3, 12),
        other_leg=(stride, 3, 5),
        arm=front,
        other_arm=rear,
        twist=-6,
    )
    swing_leg = pose(leg=(2, 3, 4), other_leg=(22, 3, 52))
    swing_lead = pose(leg=(22, 3, 52), other_leg=(2, 3, 4))
    keys = [(0.3, swing_lead), (0.3, step)]
    for _ in range(rng.integers(1, 3)):
        keys += [
            (0.27, swing_leg),
            (0.27, step_other),
            (0.27, swing_lead),
            (0.27, step),
        ]
    return Script(keys + [(0.27, swing_leg), (0.3, REST)])


def handshake(rng: np.random.Generator) -> Script:
    """Shake somebody's hand."""

    def side() -> Keys:
        level = rng.uniform(46, 58)
        high = pose(arm=(level, 0, 14, 44), bend=rng.uniform(4, 14))
        low = pose(arm=(level - 8, 0, 14, 34), bend=rng.uniform(4, 14))
        keys = [(rng.uniform(0.6, 0.9), high)]
        for _ in range(shakes):
            keys += [(0.2, low), (0.2, high)]
        return keys + [(0.6, REST)]

    shakes = rng.integers(1, 4)
    return Script(side(), partner=side(), gap=rng.uniform(0.95, 1.15))


def push(rng: np.random.Generator) -> Script:
    """Push somebody, who stumbles back."""
    ready, reach = (40, 15, 12, 105), (rng.uniform(70, 85), 0, 12, 18)
    one_hand = rng.random() < 0.4
    other_ready = (15, 40, 5, 35) if one_hand else ready
    other_reach = (20, 40, 5, 45) if one_hand else reach
    keys = [
        (0.5, pose(arm=ready, other_arm=other_ready, bend=4)),
        (
            0.25,
            pose(
                arm=reach,
                other_arm=other_reach,
                bend=18,
                leg=(-10, 4, 10),
                other_leg=(16, 4, 16),
            ),
        ),
        (0.3, pose(arm=reach, other_arm=other_reach, bend=14)),
        (0.5, REST),
    ]
    thrown = pose(
        bend=-16,
        nod=14,
        arm=(35, 50, 0, 45),
        other_arm=(35, 50, 0, 45),
        leg=(14, 5, 34),
        other_leg=(-4, 5, 8),
    )
    landed = pose(
        bend=-4,
        leg=(-26, 5, 10),
        other_leg=(12, 5, 10),
        arm=(25, 60, 0, 40),
        other_arm=(25, 60, 0, 40),
    )
    stumble = [
        (0.62, REST),
        (0.22, thrown),
        (0.28, landed),
        (0.3, pose(bend=4)),
        (0.3, REST),
    ]
    return Script(keys, partner=stumble, gap=rng.uniform(0.7, 0.9))


#: Name -> script, in the order of the labels.
ACTIONS: Dict[str, Callable[[np.random.Generator], Script]] = dict(
    drink=drink,
    phone_call=phone_call,
    wave=wave,
    throw=throw,
    clap=clap,
    punch=punch,
    kick=kick,
    sit_down=sit_down,
    stand_up=stand_up,
    squat=squat,
    jump=jump,
    bow=bow,
    pick_up=pick_up,
    walk=walk,
    handshake=handshake,
    push=push,
)
