"""One skeleton sequence, from whatever a user has it in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import numpy as np

from deeprank_mm.datasets import UnsafeAnnotationError, load_annotations
from deeprank_mm.datasets.annotation import (
    finite_problem,
    keypoint_problem,
    score_problem,
    total_frames_problem,
    without_padding,
)
from deeprank_mm.datasets.conversion import drop_empty_frames
from deeprank_mm.datasets.ntu import parse_skeleton, select_bodies
from deeprank_mm.utils.usage import UsageError

Skeletons = Union[str, Path, np.ndarray, Mapping[str, Any]]
SUFFIXES = ('.pkl', '.pickle', '.skeleton', '.npy', '.npz')
# NTU RGB+D names its recordings by their class, counted from 1.
_NTU_NAME = re.compile(r'S\d{3}C\d{3}P\d{3}R\d{3}A(\d{3})')


def read_skeleton(
    source: Skeletons,
    sample: Optional[str] = None,
    img_shape: Optional[Sequence[int]] = None,
    scores: bool = False,
) -> Dict[str, Any]:
    """Read one sequence.

    Args:
        source (str, Path, np.ndarray or Mapping): An annotation of MMAction2
            (``keypoint`` ``(M, T, V, C)``, and perhaps ``keypoint_score``
            and ``label``); a pickle of one or of many; a ``.skeleton`` file
            of NTU RGB+D; or an array ``(M, T, V, C)`` or ``(T, V, C)``, as
            it is or in a ``.npy`` or ``.npz`` file (there with the names
            ``keypoint`` and ``keypoint_score``).
        sample (str, optional): Which one of a pickle of many.
        img_shape (Sequence[int], optional): Height and width of the image
            that 2D keypoints were found in. Defaults to the annotation's.
        scores (bool): Whether the last channel of an array is a confidence,
            as with ``tools/data/keypoints.py --scores``. Defaults to False.

    Returns:
        dict: The annotation, with ``frame_dir`` and ``total_frames``.

    Raises:
        UsageError: There is no such file or sample, or it holds no skeletons.
    """
    name = 'the input'
    if isinstance(source, (str, Path)):
        path = Path(source)
        name = str(path)
        if not path.is_file():
            raise UsageError(
                f'there is no file {path} (looked from {Path.cwd()}).'
            )
        source = _read(path, sample)
    if isinstance(source, Mapping):
        annotation = dict(source)
    else:
        annotation = dict(keypoint=source)
    if 'frame_inds' in annotation:
        raise UsageError(
            f'{name} stores poses one by one (frame_inds), as Kinetics does: '
            'arrange them as (M, T, V, C) first.'
        )
    keypoint = annotation.get('keypoint')
    if isinstance(keypoint, np.ndarray) and keypoint.ndim == 3:
        annotation['keypoint'] = keypoint[None]
        score = annotation.get('keypoint_score')
        if isinstance(score, np.ndarray) and score.ndim == 2:
            annotation['keypoint_score'] = score[None]
    if scores:
        _part_scores(annotation, name)
    problem = (
        keypoint_problem(annotation)
        or score_problem(annotation)
        or total_frames_problem(annotation)
        or finite_problem(annotation)
    )
    if problem:
        raise UsageError(f'{name} {problem}.')
    annotation = without_padding(annotation)
    annotation.setdefault('frame_dir', Path(name).stem)
    if img_shape is not None:
        height, width = img_shape
        annotation['img_shape'] = (int(height), int(width))
    return annotation


def _part_scores(annotation: Dict[str, Any], name: str) -> None:
    """Take the last channel as ``keypoint_score``, in place."""
    keypoint = annotation.get('keypoint')
    if annotation.get('keypoint_score') is not None:
        raise UsageError(
            f'{name} has scores beside its coordinates: leave out `scores`.'
        )
    if not isinstance(keypoint, np.ndarray) or keypoint.shape[-1:] not in (
        (3,),
        (4,),
    ):
        raise UsageError(
            f'{name}: with `scores` the last of 3 or 4 channels is a '
            f'confidence, but there is {_shape(keypoint)}.'
        )
    annotation['keypoint_score'] = keypoint[..., -1]
    annotation['keypoint'] = keypoint[..., :-1]


def _shape(value: Any) -> str:
    shape = getattr(value, 'shape', None)
    return type(value).__name__ if shape is None else f'shape {shape}'


def _read(path: Path, sample: Optional[str]) -> Any:
    if path.suffix == '.skeleton':
        return _read_ntu(path)
    if path.suffix in ('.npy', '.npz'):
        return _read_numpy(path)
    if path.suffix in ('.pkl', '.pickle'):
        return _read_pickle(path, sample)
    raise UsageError(
        f'{path} is no file of skeletons: it must end in one of '
        f'{", ".join(SUFFIXES)}.'
    )


def _read_ntu(path: Path) -> Dict[str, Any]:
    try:
        num_frames, bodies = parse_skeleton(path.read_bytes())
    except ValueError as error:
        raise UsageError(f'{path}: {error}.') from error
    keypoint, _ = drop_empty_frames(select_bodies(bodies, num_frames))
    if keypoint.size == 0:
        raise UsageError(f'{path}: nobody in any of its {num_frames} frames.')
    annotation: Dict[str, Any] = dict(keypoint=keypoint.astype(np.float32))
    match = _NTU_NAME.fullmatch(path.stem)
    if match:
        annotation['label'] = int(match.group(1)) - 1
    return annotation


def _read_numpy(path: Path) -> Any:
    try:
        content = np.load(path, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise UsageError(f'{path} holds no plain array ({error}).') from error
    if path.suffix == '.npy':
        return content
    parts = {
        key: content[key]
        for key in ('keypoint', 'keypoint_score')
        if key in content
    }
    if 'keypoint' not in parts:
        raise UsageError(
            f"{path} has no array 'keypoint', only {list(content)}."
        )
    return parts


def _read_pickle(path: Path, sample: Optional[str]) -> Any:
    try:
        content = load_annotations(str(path))
    except UnsafeAnnotationError as error:
        raise UsageError(str(error)) from error
    if isinstance(content, np.ndarray):
        return content
    if isinstance(content, Mapping) and 'annotations' not in content:
        return content
    many = content['annotations'] if isinstance(content, Mapping) else content
    if not isinstance(many, (list, tuple)) or not many:
        raise UsageError(f'{path} holds no annotations.')
    by_name = {
        str(a.get('frame_dir', a.get('filename'))): a
        for a in many
        if isinstance(a, Mapping)
    }
    if sample is None:
        if len(many) == 1:
            return many[0]
        raise UsageError(
            f'{path} holds {len(many)} sequences: name one, such as '
            f'{_some(by_name)}.'
        )
    if sample not in by_name:
        raise UsageError(
            f'{path} holds no sequence {sample}, but {len(by_name)} others, '
            f'such as {_some(by_name)}.'
        )
    return by_name[sample]


def _some(names: Mapping[str, Any]) -> str:
    some: List[str] = list(names)[:3]
    return ', '.join(some)
