"""The demo data set: who does what, seen from where, and its splits."""

from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import numpy as np

from ..conversion import write_annotations
from .actions import ACTIONS
from .performer import Performer, play
from .sensor import VIEWPOINTS, sense, view

NUM_SUBJECTS = 12
#: Subjects (from 1) whose sequences test in the cross-subject split.
TEST_SUBJECTS = (3, 6, 9, 12)
#: Viewpoint (from 1) whose sequences test in the cross-view split.
TEST_VIEW = 3
#: Left-handed subjects: one trains, one tests.
LEFT_HANDED = (5, 9)

# Streams of random numbers: people, performances.
_SUBJECT, _SEQUENCE = 0, 1


def make_demo(seed: int = 0, reps: int = 2) -> Dict[str, Any]:
    """Generate the synthetic demo data set.

    Every sequence is a performance of its own (the three viewpoints do not
    show the same one), and depends on ``seed`` and its own identity only.

    Args:
        seed (int): Seed of everything. Defaults to 0.
        reps (int): Performances per action, subject and viewpoint.
            Defaults to 2.

    Returns:
        dict: MMAction2's annotation format: ``split`` maps ``xsub_train``,
        ``xsub_val``, ``xview_train`` and ``xview_val`` to names, and
        ``annotations`` is a list of dicts with ``frame_dir`` (the name),
        ``label``, ``keypoint`` (float32, metres in camera coordinates,
        ``(M, T, 25, 3)``), ``total_frames``, ``subject`` and ``view`` (both
        from 1).

    Raises:
        ValueError: If ``seed`` is negative or ``reps`` is not positive.
    """
    if seed < 0:
        raise ValueError(f'seed must be 0 or more, but got {seed}')
    if reps < 1:
        raise ValueError(f'reps must be 1 or more, but got {reps}')
    performers = sample_subjects(seed)
    annotations = [
        _make_sequence(seed, performers, label, subject, viewpoint, rep)
        for label in range(len(ACTIONS))
        for subject in range(1, NUM_SUBJECTS + 1)
        for viewpoint in range(1, len(VIEWPOINTS) + 1)
        for rep in range(1, reps + 1)
    ]
    return dict(split=_split(annotations), annotations=annotations)


def sample_subjects(seed: int) -> List[Performer]:
    """Draw the demo's subjects.

    Args:
        seed (int): The data set's seed.

    Returns:
        list[Performer]: The persons; subject n is at n - 1.
    """
    return [
        Performer.sample(
            np.random.default_rng([seed, _SUBJECT, subject]),
            lead='left' if subject in LEFT_HANDED else 'right',
        )
        for subject in range(1, NUM_SUBJECTS + 1)
    ]


def perform_sequence(
    performers: List[Performer],
    label: int,
    subject: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """One performance without a sensor.

    Args:
        performers (list[Performer]): The subjects.
        label (int): Which action, index into ``ACTIONS``.
        subject (int): Who performs, from 1.
        rng (np.random.Generator): The source of randomness.

    Returns:
        np.ndarray: Exact world coordinates in metres,
        shape ``(M, T, 25, 3)``; M is 2 for two-person actions.
    """
    script = list(ACTIONS.values())[label](rng)
    partner: Optional[Performer] = None
    if script.partner is not None:
        # A stranger: no subject appears in two splits.
        partner = Performer.sample(rng)
    return play(script, performers[subject - 1], partner, rng)


def _make_sequence(
    seed: int,
    performers: List[Performer],
    label: int,
    subject: int,
    viewpoint: int,
    rep: int,
) -> Dict[str, Any]:
    rng = np.random.default_rng(
        [seed, _SEQUENCE, label, subject, viewpoint, rep]
    )
    joints = perform_sequence(performers, label, subject, rng)
    keypoint = sense(view(joints, VIEWPOINTS[viewpoint - 1], rng), rng)
    return dict(
        frame_dir=f'demo_A{label + 1:02d}_S{subject:02d}_V{viewpoint}_R{rep}',
        label=label,
        keypoint=keypoint,
        total_frames=keypoint.shape[1],
        subject=subject,
        view=viewpoint,
    )


def _split(annotations: List[Dict[str, Any]]) -> Dict[str, List[str]]:
    split: Dict[str, List[str]] = dict(
        xsub_train=[], xsub_val=[], xview_train=[], xview_val=[]
    )
    for item in annotations:
        xsub = 'val' if item['subject'] in TEST_SUBJECTS else 'train'
        xview = 'val' if item['view'] == TEST_VIEW else 'train'
        split[f'xsub_{xsub}'].append(item['frame_dir'])
        split[f'xview_{xview}'].append(item['frame_dir'])
    return split


def write_demo(
    path: Union[str, Path], seed: int = 0, reps: int = 2
) -> Dict[str, Any]:
    """Generate the demo data set and write it as a pickle.

    The file appears whole or not at all; the same arguments write the same
    bytes.

    Args:
        path (str | Path): Where to write, ``*.pkl``; missing folders are
            made.
        seed (int): Seed of everything. Defaults to 0.
        reps (int): Performances per action, subject and viewpoint.
            Defaults to 2.

    Returns:
        dict: What was written, see :func:`make_demo`.

    Raises:
        ConversionError: If ``path`` does not end in ``.pkl``.
        ValueError: If ``seed`` or ``reps`` is out of range.
    """
    data = make_demo(seed, reps)
    write_annotations(path, data['annotations'], data['split'])
    return data
