"""What one annotation must be.

Each function looks at one thing and returns None where it is sound, else what
is wrong as the end of a sentence that begins with the sample's name: "has no
frames". :class:`~deeprank_mm.datasets.SkeletonDataset` stops at the first,
``tools/data/check.py`` lists them all.
"""

import hashlib
import operator
import os.path as osp
import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np

__all__ = [
    'count_people_and_frames',
    'fingerprint',
    'finite_problem',
    'identifier_of',
    'is_id_list',
    'keypoint_problem',
    'label_problem',
    'sample_id_problem',
    'score_problem',
    'subject_of',
    'total_frames_problem',
    'valid_problem',
    'without_padding',
]

# NTU RGB+D: setup, camera, performer, replication, action.
_NTU_NAME = re.compile(r'S\d{3}C\d{3}P(\d{3})R\d{3}A\d{3}')
# More classes than any data set has; beyond it lies what tensors of classes
# have no memory for, and then what int64 has no number for.
_MAX_CLASSES = 1 << 31
# Kinetics poses are stored person after person, with the frame of each in
# frame_inds, until DecompressPose arranges them.
_AXES = ('people', 'frames', 'joints', 'coordinates')
_POSE_AXES = ('poses', 'joints', 'coordinates')


def identifier_of(annotations: Sequence[Any]) -> str:
    """The field that names samples, by ``PoseDataset``'s own rule.

    Args:
        annotations (Sequence): All annotations of a file, at least one.

    Returns:
        str: ``'filename'`` if the first annotation has it, else
        ``'frame_dir'``.
    """
    first = annotations[0]
    named = isinstance(first, Mapping) and 'filename' in first
    return 'filename' if named else 'frame_dir'


def is_id_list(members: Any) -> bool:
    """Whether a split is a list of ids, and not, say, a single text.

    Args:
        members (Any): The split.

    Returns:
        bool: True for a list, a tuple, a set or an array.
    """
    if isinstance(members, np.ndarray):
        return members.ndim == 1
    return isinstance(members, (list, tuple, set, frozenset))


def sample_id_problem(sample: Mapping, identifier: str) -> Optional[str]:
    """Whether a sample can be named.

    Args:
        sample (Mapping): The annotation.
        identifier (str): From :func:`identifier_of`.

    Returns:
        str or None: What is wrong with its id.
    """
    value = sample.get(identifier)
    number = _as_int(value)
    named = isinstance(value, str) and value != ''
    if not named and (number is None or abs(number) >= 1 << 63):
        return (
            f'has no sample id: its {identifier!r} is {_brief(value)}, '
            'expected a name'
        )
    # NumPy drops zero characters at the end of text, and what is no UTF-8
    # can be neither hashed nor logged.
    text = str(value)
    if '\0' in text or text.encode(errors='ignore').decode() != text:
        return (
            f'has a sample id with a zero or unpaired character: its '
            f'{identifier!r} is {_brief(value)}, expected plain text'
        )
    return None


def keypoint_problem(sample: Mapping) -> Optional[str]:
    """Whether a sample has an array of coordinates with sound axes.

    Args:
        sample (Mapping): The annotation.

    Returns:
        str or None: What is wrong with its ``keypoint``.
    """
    keypoint = sample.get('keypoint')
    if (
        not isinstance(keypoint, np.ndarray)
        or keypoint.dtype.kind not in 'fiu'
    ):
        kind = getattr(keypoint, 'dtype', type(keypoint).__name__)
        return f"has no 'keypoint' array of numbers but {kind}"
    axes = _POSE_AXES if 'frame_inds' in sample else _AXES
    if keypoint.ndim != len(axes):
        return (
            f"has a 'keypoint' of shape {keypoint.shape}, "
            f'expected ({", ".join(axes)})'
        )
    if 0 in keypoint.shape:
        return (
            f"has no {axes[keypoint.shape.index(0)]}: its 'keypoint' has "
            f'shape {keypoint.shape}; remove the sample from the split'
        )
    return None


def score_problem(sample: Mapping) -> Optional[str]:
    """Whether the scores of a sample, if any, fit its coordinates.

    Args:
        sample (Mapping): The annotation, with a sound ``keypoint``.

    Returns:
        str or None: What is wrong with its ``keypoint_score``.
    """
    score = sample.get('keypoint_score')
    if score is None:
        return None
    if not isinstance(score, np.ndarray) or score.dtype.kind not in 'fiu':
        kind = getattr(score, 'dtype', type(score).__name__)
        return f"has a 'keypoint_score' that is no array of numbers but {kind}"
    expected = sample['keypoint'].shape[:-1]
    if score.shape != expected:
        return (
            f"has a 'keypoint_score' of shape {score.shape}, expected "
            f"{expected} as of its 'keypoint'"
        )
    return None


def count_people_and_frames(sample: Mapping) -> Optional[tuple[int, int]]:
    """The people and frames of a sample that stores them as axes.

    Args:
        sample (Mapping): The annotation, with a sound ``keypoint``.

    Returns:
        tuple[int, int] or None: M and T; None where poses are compressed.
    """
    keypoint = sample['keypoint']
    return None if keypoint.ndim != len(_AXES) else keypoint.shape[:2]


def total_frames_problem(sample: Mapping) -> Optional[str]:
    """Whether ``total_frames``, if it is there, can be believed.

    Fewer than there are is no problem: the rest is not used.

    Args:
        sample (Mapping): The annotation, with a sound ``keypoint``.

    Returns:
        str or None: What is wrong with its ``total_frames``.
    """
    if 'total_frames' not in sample:
        return None
    total = _as_int(sample['total_frames'])
    if total is None or total < 1:
        return (
            f'says total_frames={_brief(sample["total_frames"])}, expected '
            'the number of its frames'
        )
    counts = count_people_and_frames(sample)
    if counts is not None and total > counts[1]:
        return (
            f"says total_frames={_brief(total)}, but its 'keypoint' has "
            f'{counts[1]} frames'
        )
    return None


def without_padding(sample: Mapping) -> dict:
    """A sample without the frames that it says it does not have.

    Clips are sometimes stored in arrays of one length, zero behind the last
    frame; ``total_frames`` tells which that is.

    Args:
        sample (Mapping): The annotation, with a sound ``keypoint``.

    Returns:
        dict: A shallow copy, in which ``keypoint`` and ``keypoint_score``
        are views of the first ``total_frames`` frames, and
        ``total_frames`` is set.
    """
    out = dict(sample)
    counts = count_people_and_frames(sample)
    if counts is None:
        return out
    total = _as_int(out.setdefault('total_frames', counts[1]))
    if total is not None and 0 < total < counts[1]:
        for key in ('keypoint', 'keypoint_score'):
            if out.get(key) is not None:
                out[key] = out[key][:, :total]
    return out


def finite_problem(sample: Mapping) -> Optional[str]:
    """Whether all coordinates and scores are numbers that float32 can hold.

    Args:
        sample (Mapping): The annotation, with a sound ``keypoint``.

    Returns:
        str or None: What is not finite.
    """
    for key, what in (
        ('keypoint', 'coordinates'),
        ('keypoint_score', 'scores'),
    ):
        values = sample.get(key)
        if values is None:
            continue
        with np.errstate(over='ignore'):
            values = np.asarray(values, dtype=np.float32)
        if not np.isfinite(values).all():
            return (
                f'has NaN or infinite {what}; repair or remove it in the '
                'annotation file'
            )
    return None


def valid_problem(sample: Mapping, box_thr: float) -> Optional[str]:
    """Whether a sample says how many of its frames are valid (Kinetics).

    Args:
        sample (Mapping): The annotation.
        box_thr (float): The score from which a box counts.

    Returns:
        str or None: What is wrong with the fields that ``valid_ratio`` needs.
    """
    valid, score = sample.get('valid'), sample.get('box_score')
    if not isinstance(valid, Mapping) or not isinstance(
        valid.get(box_thr), (int, float, np.integer, np.floating)
    ):
        return (
            f"has no number of valid frames for box_thr={box_thr} in 'valid', "
            'which valid_ratio needs'
        )
    if 'total_frames' not in sample:
        return "has no 'total_frames', which valid_ratio needs"
    if not isinstance(score, np.ndarray) or score.dtype.kind not in 'fiu':
        return "has no array of numbers 'box_score', which valid_ratio needs"
    return None


def fingerprint(sample: Mapping) -> bytes:
    """Equal for the same coordinates.

    Args:
        sample (Mapping): The annotation, with a sound ``keypoint``.

    Returns:
        bytes: SHA-256 of the coordinates, their shape and type, without
        padding.
    """
    keypoint = np.ascontiguousarray(without_padding(sample)['keypoint'])
    digest = hashlib.sha256(str((keypoint.shape, keypoint.dtype)).encode())
    digest.update(keypoint.data)
    return digest.digest()


def label_problem(
    label: Any, num_classes: Optional[int] = None
) -> Optional[str]:
    """Whether a value is a class.

    Args:
        label (Any): The value.
        num_classes (int, optional): How many classes there are. Defaults to
            None, unknown.

    Returns:
        str or None: What is wrong with it.
    """
    number = _as_int(label)
    if number is None:
        return f'has the label {_brief(label)}, expected one integer'
    if num_classes is not None and not 0 <= number < num_classes:
        return (
            f'has label {_brief(number)}, but num_classes={num_classes} '
            f'allows 0 to {num_classes - 1}'
        )
    if not 0 <= number < _MAX_CLASSES:
        return (
            f'has label {_brief(number)}, but classes count from 0; leave '
            'the label out where it is unknown'
        )
    return None


def subject_of(
    sample: Mapping, sample_id: str, field: str = 'subject'
) -> Optional[str]:
    """Who performs a sample, or what else it has in common with others.

    Args:
        sample (Mapping): The annotation.
        sample_id (str): Its id, whose name tells where the field does not.
        field (str): The annotation's field. Defaults to ``'subject'``.

    Returns:
        str or None: The field's text; without the field, or if it is empty,
        the performer of an NTU name (``S001C001P003R001A001``); None if
        neither is there.
    """
    value = sample.get(field)
    if value is not None and str(value).strip():
        return str(value)
    match = _NTU_NAME.search(osp.basename(sample_id))
    if field != 'subject' or match is None:
        return None
    # Annotations may name subjects 3 or '3', never '003'.
    return str(int(match.group(1)))


def _as_int(value: Any) -> Optional[int]:
    """The integer that a value is, None if it is none."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _brief(value: Any) -> str:
    """What a value looks like, in a few words."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python prints no huge integers
        return f'a huge {type(value).__name__}'
    return text if len(text) <= 80 else f'{text[:60]} ... ({len(text)} long)'
