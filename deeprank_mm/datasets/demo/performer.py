"""People: each performs a script in a manner of their own."""

from dataclasses import dataclass, replace
from typing import Optional

import numpy as np
from scipy.interpolate import PchipInterpolator

from .actions import Keys, Script
from .body import Body, forward_kinematics
from .pose import (
    CHANNEL_INDEX,
    CHANNELS,
    HIGHEST,
    LEAD,
    LOWEST,
    NEUTRAL,
    OTHER,
)

FRAMES_PER_SECOND = 30
MIN_FRAMES, MAX_FRAMES = 40, 110

_LIFT = CHANNEL_INDEX['lift']
_SIDE_CHANNELS = tuple(
    name[len(LEAD) :] for name in CHANNELS if name.startswith(LEAD)
)
# What people do besides: (channel, least, most degrees) of an arm, the head,
# the trunk, a leg.
_FIDGETS = (
    (
        ('elev', 10, 55),
        ('elbow', 0, 80),
        ('plane', -40, 20),
        ('spin', -20, 40),
    ),
    (('elev', 10, 35), ('elbow', 0, 40), ('plane', -20, 40)),
    (('look', -45, 45), ('nod', -15, 20)),
    (('twist', -25, 25), ('bend', -5, 14), ('side', -10, 10)),
    (('hip', 8, 25), ('knee', 15, 45)),
)


@dataclass(frozen=True)
class Performer:
    """A person: a body and the manner in which it moves.

    Args:
        body (Body): The segments.
        lead (str): The leading hand, ``'left'`` or ``'right'``.
        tempo (float): Speed relative to the scripts' times.
        amplitude (float): Size of movements relative to the scripts.
        posture (np.ndarray): What standing at ease adds to the neutral
            pose, degrees, one per channel.
        restlessness (float): Size of idle movements in degrees.
    """

    body: Body
    lead: str
    tempo: float
    amplitude: float
    posture: np.ndarray
    restlessness: float

    @classmethod
    def sample(
        cls, rng: np.random.Generator, lead: Optional[str] = None
    ) -> 'Performer':
        """Draw a person.

        Args:
            rng (np.random.Generator): The source of randomness.
            lead (str, optional): The leading hand. Defaults to None: left in
                one of eight.

        Returns:
            Performer: The person.
        """
        body = Body.sample(rng)
        if lead is None:
            lead = 'left' if rng.random() < 0.125 else 'right'
        posture = np.zeros(len(CHANNELS))
        for name, spread in (('bend', 5.0), ('nod', 7.0), ('twist', 4.0)):
            posture[CHANNEL_INDEX[name]] = rng.normal(0.0, spread)
        # The two sides of a person resemble each other.
        for name, spread in (
            ('elev', 6.0),
            ('plane', 18.0),
            ('spin', 16.0),
            ('elbow', 14.0),
            ('spread', 3.5),
            ('knee', 4.0),
        ):
            both = rng.normal(0.0, spread)
            for role in (LEAD, OTHER):
                posture[CHANNEL_INDEX[role + name]] = both + rng.normal(
                    0.0, 0.3 * spread
                )
        return cls(
            body=body,
            lead=lead,
            tempo=rng.uniform(0.78, 1.3),
            amplitude=rng.uniform(0.8, 1.15),
            posture=posture,
            restlessness=rng.uniform(1.0, 3.0),
        )

    def perform(
        self,
        keys: Keys,
        num_frames: int,
        start: float,
        rng: np.random.Generator,
        **kept: bool,
    ) -> np.ndarray:
        """Play key poses as joint angles over time.

        Args:
            keys (Keys): Key poses and the times between them.
            num_frames (int): Number of frames to make.
            start (float): Seconds of idle time before the first key.
            rng (np.random.Generator): The source of randomness.
            **kept (bool): ``starts_low`` and ``ends_low`` of the script.

        Returns:
            np.ndarray: Angles within the joints' limits, shape
            ``(num_frames, num_channels)``.
        """
        times, poses = self._own_keys(keys, start, rng, **kept)
        clock = np.arange(num_frames) / FRAMES_PER_SECOND
        # Monotone between keys: a limb never overshoots a key pose.
        angles = PchipInterpolator(times, poses)(
            np.clip(clock, times[0], times[-1])
        )
        lift = angles[:, _LIFT].copy()
        angles += self._sway(clock, rng) + _fidget(clock, rng)
        # Metres, not degrees: no manner, no noise.
        angles[:, _LIFT] = lift
        return np.clip(angles, LOWEST, HIGHEST)

    def duration(self, keys: Keys) -> float:
        """Seconds that the keys take at this person's tempo."""
        return sum(seconds for seconds, _ in keys) / self.tempo

    def _own_keys(
        self,
        keys: Keys,
        start: float,
        rng: np.random.Generator,
        starts_low: bool = False,
        ends_low: bool = False,
    ):
        """Times ``(K + 1, )`` and angles ``(K + 1, num_channels)``."""
        steps = np.array([seconds for seconds, _ in keys]) / self.tempo
        steps *= np.exp(rng.normal(0.0, 0.12, len(steps)))
        targets = np.stack([target for _, target in keys])
        moved = np.abs(targets) > 1e-9
        size = self.amplitude * np.exp(rng.normal(0.0, 0.08, targets.shape))
        # The same slant in all keys of a performance, and a bit per key.
        slant = rng.normal(0.0, 10.0, targets.shape[1])
        slant = slant + rng.normal(0.0, 4.0, targets.shape)
        slant[:, _LIFT] = 0.0
        own = targets * size + slant * moved
        _pair_sides(own, targets)
        own = np.concatenate([own[:1] * starts_low, own])
        moved = np.concatenate([moved[:1] & starts_low, moved])
        if not (ends_low or starts_low):
            own[-1], moved[-1] = 0.0, False
        # A joint that acts forgets most of how it rests.
        own = own + NEUTRAL + self.posture * np.where(moved, 0.25, 1.0)
        times = start + np.concatenate([[0.0], np.cumsum(steps)])
        return times, own

    def _sway(self, clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Slow idle movement of every joint, degrees."""
        waves = np.zeros((len(clock), len(CHANNELS)))
        for _ in range(3):
            hertz = rng.uniform(0.1, 1.0, len(CHANNELS))
            phase = rng.uniform(0.0, 2 * np.pi, len(CHANNELS))
            waves += np.sin(2 * np.pi * clock[:, None] * hertz + phase)
        return waves * self.restlessness / 2


def _pair_sides(own: np.ndarray, targets: np.ndarray) -> None:
    """Move both sides alike where the script does, in place.

    Otherwise hands would miss each other in a clap, and people would limp
    through a squat. Arms keep a quarter of their difference.
    """
    for name in _SIDE_CHANNELS:
        lead = CHANNEL_INDEX[LEAD + name]
        other = CHANNEL_INDEX[OTHER + name]
        same = np.flatnonzero(targets[:, lead] == targets[:, other])
        keep = 0.0 if name in ('hip', 'knee', 'spread') else 0.25
        own[same, other] = (
            keep * own[same, other] + (1 - keep) * own[same, lead]
        )


def _fidget(clock: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Now and then a movement that has nothing to do with the action."""
    angles = np.zeros((len(clock), len(CHANNELS)))
    for _ in range(rng.poisson(2.5)):
        centre = rng.uniform(clock[0], clock[-1])
        width = rng.uniform(0.15, 0.4)
        bump = np.exp(-(((clock - centre) / width) ** 2) / 2)
        side = LEAD if rng.random() < 0.5 else OTHER
        for name, low, high in _FIDGETS[rng.integers(len(_FIDGETS))]:
            column = CHANNEL_INDEX.get(name, CHANNEL_INDEX.get(side + name))
            angles[:, column] += bump * rng.uniform(low, high)
    return angles


def play(
    script: Script,
    first: Performer,
    second: Optional[Performer],
    rng: np.random.Generator,
) -> np.ndarray:
    """Play a script on the floor.

    Args:
        script (Script): What happens.
        first (Performer): Who acts.
        second (Performer, optional): The partner of a two-person script.
        rng (np.random.Generator): The source of randomness.

    Returns:
        np.ndarray: Exact world coordinates in metres, shape
        ``(M, T, 25, 3)`` with M = 1 or 2; the scene is about the origin.
    """
    first = _at_hand(first, script, rng)
    before, after = rng.uniform(0.05, 1.2, 2)
    seconds = before + first.duration(script.keys) + after
    num_frames = int(
        np.clip(seconds * FRAMES_PER_SECOND, MIN_FRAMES, MAX_FRAMES)
    )
    # Two people are seen from the side as a rule, one from the front.
    yaw = rng.uniform(-90.0, 90.0)
    if script.partner is not None:
        yaw += rng.choice([-90.0, 90.0])
    angles = first.perform(
        script.keys,
        num_frames,
        before,
        rng,
        starts_low=script.starts_low,
        ends_low=script.ends_low,
    )
    people = [forward_kinematics(first.body, angles, first.lead, yaw)]
    if script.partner is not None:
        second = replace(second, tempo=first.tempo, lead=first.lead)
        angles = second.perform(
            script.partner, num_frames, before + rng.normal(0.0, 0.06), rng
        )
        joints = forward_kinematics(
            second.body,
            angles,
            second.lead,
            yaw + 180.0 + rng.normal(0.0, 8.0),
        )
        ahead = -np.array(
            [np.sin(np.deg2rad(yaw)), 0.0, np.cos(np.deg2rad(yaw))]
        )
        people[0] = people[0] - ahead * script.gap / 2
        people.append(joints + ahead * script.gap / 2)
        # The sensor numbers people as it finds them.
        if rng.random() < 0.5:
            people.reverse()
    return np.stack(people)


def _at_hand(
    person: Performer, script: Script, rng: np.random.Generator
) -> Performer:
    """The person today: which hand is free, and how much of a hurry."""
    tempo = person.tempo * np.exp(rng.normal(0.0, 0.1))
    # The longest clip has room for the action and a moment of rest.
    longest = MAX_FRAMES / FRAMES_PER_SECOND - 0.5
    tempo = max(tempo, sum(seconds for seconds, _ in script.keys) / longest)
    lead = person.lead
    if rng.random() < 0.3:
        lead = 'left' if lead == 'right' else 'right'
    return replace(person, tempo=tempo, lead=lead)
