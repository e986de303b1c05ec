"""What the skeleton transforms share: taking the keypoints out safely."""

from typing import Any, Dict, Optional, Tuple

import numpy as np


def take_keypoint(results: Dict, who: object) -> np.ndarray:
    """The clip's keypoints, checked.

    Args:
        results (dict): The sample.
        who (object): The transform that asks, for messages.

    Returns:
        np.ndarray: ``results['keypoint']`` as float32, ``(M, T, V, C)``
        with T >= 1; it may be the array of the data set itself, so it must
        not be written to.

    Raises:
        KeyError: If there is no ``keypoint``.
        ValueError: If it is no array of numbers, its shape is another, or it
            has no frames.
    """
    where = _describe(results, who)
    if 'keypoint' not in results:
        raise KeyError(
            f"{where}: there is no 'keypoint'; this transform "
            'needs skeleton annotations'
        )
    keypoint = _numbers(results['keypoint'], 'keypoint', where)
    if keypoint.ndim != 4:
        raise ValueError(
            f"{where}: 'keypoint' must have shape (M, T, V, C), "
            f'but has {keypoint.shape}'
        )
    if keypoint.shape[1] == 0:
        raise ValueError(
            f"{where}: 'keypoint' has no frames, remove the "
            f'sample (shape {keypoint.shape})'
        )
    return keypoint


def take_score(
    results: Dict, keypoint: np.ndarray, who: object
) -> Optional[np.ndarray]:
    """The clip's keypoint scores, checked.

    Args:
        results (dict): The sample.
        keypoint (np.ndarray): Its keypoints, ``(M, T, V, C)``.
        who (object): The transform that asks, for messages.

    Returns:
        np.ndarray or None: ``results['keypoint_score']`` as float32,
        ``(M, T, V)``; None if there are none.

    Raises:
        ValueError: If they are no array of numbers, or of another shape than
            the keypoints.
    """
    if results.get('keypoint_score') is None:
        return None
    where = _describe(results, who)
    score = _numbers(results['keypoint_score'], 'keypoint_score', where)
    if score.shape != keypoint.shape[:3]:
        raise ValueError(
            f"{where}: 'keypoint_score' must have shape "
            f"{keypoint.shape[:3]} as 'keypoint' has, but has {score.shape}"
        )
    return score


def split_score(
    keypoint: np.ndarray, score_channel: bool, results: Dict, who: object
) -> Tuple[np.ndarray, np.ndarray]:
    """Part coordinates from a score that rides on the last channel.

    Args:
        keypoint (np.ndarray): ``(M, T, V, C)``.
        score_channel (bool): Whether the last channel is a score.
        results (dict): The sample, for messages.
        who (object): The transform that asks, for messages.

    Returns:
        tuple[np.ndarray, np.ndarray]: Views of the coordinates
        ``(M, T, V, 2 or 3)`` and of the rest ``(M, T, V, 0 or 1)``.

    Raises:
        ValueError: If that leaves neither 2 nor 3 coordinates.
    """
    dims = keypoint.shape[-1] - int(score_channel)
    if dims not in (2, 3):
        raise ValueError(
            f"{_describe(results, who)}: 'keypoint' must have 2 or 3 "
            f'coordinates, but has {dims} (shape {keypoint.shape}, '
            f'score_channel={score_channel})'
        )
    return keypoint[..., :dims], keypoint[..., dims:]


def _numbers(value: Any, key: str, where: str) -> np.ndarray:
    """A float32 array; text, complex numbers and objects are none."""
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        array = np.asarray(None)
    if array.dtype.kind not in 'fiu':
        raise ValueError(
            f'{where}: {key!r} must be an array of numbers, but is a '
            f'{type(value).__name__} of {array.dtype}'
        )
    return array.astype(np.float32, copy=False)


def _describe(results: Dict, who: object) -> str:
    name = results.get('frame_dir')
    known = isinstance(name, (str, int)) and name != ''
    return type(who).__name__ + (f' on sample {name!r}' if known else '')
