"""Turning raw skeleton files into MMAction2's annotation format.

A converter is a :class:`Conversion`: which files, how one is read, which
splits, how many samples there should be. Everything else (progress, checks,
the summary, the write) is the same for every data set and lives here; the
command lines are in ``tools/data/``.

The annotation file is a pickle of
``dict(split={name: [frame_dir, ...]}, annotations=[dict, ...])``, which
MMAction2's ``PoseDataset`` reads as it is.
"""

import argparse
import os
import pickle
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import Match
from typing import Any, Callable, Optional

import numpy as np
from rich.progress import track

__all__ = [
    'Conversion',
    'ConversionError',
    'check_counts',
    'convert',
    'make_annotation',
    'summarise',
    'write_annotations',
]

# Fixed, so that the same input gives the same bytes under every Python.
PICKLE_PROTOCOL = 4
MAX_LISTED = 10

Annotation = dict[str, Any]
Splits = dict[str, list[str]]


class ConversionError(ValueError):
    """The raw files are not what the converter was told to expect."""


@dataclass(frozen=True)
class Conversion:
    """What is particular to one data set.

    Attributes:
        name (str): Name of the data set, for messages.
        suffix (str): Which files of the input folder are sequences, for
            example ``'.json'``; the others are left alone.
        pattern (str): Regular expression the whole stem of each such file
            must match. Its groups are what ``read`` may use.
        example (str): A file name of the right form, for messages.
        read (Callable): ``read(path, match) -> annotation``, by
            :func:`make_annotation`. Raises ``ValueError`` saying what is
            wrong with the file.
        split_of (Callable): ``split_of(annotation) -> split name``.
        counts (dict): The samples the whole data set has in each split.
    """

    name: str
    suffix: str
    pattern: str
    example: str
    read: Callable[[Path, Match], Annotation]
    split_of: Callable[[Annotation], str]
    counts: dict[str, int] = field(default_factory=dict)


def make_annotation(
    frame_dir: str,
    label: int,
    keypoint: np.ndarray,
    num_joints: int,
    **extra: int,
) -> Annotation:
    """One annotation of a single person, checked.

    Args:
        frame_dir (str): The name of the sample, unique in its data set.
        label (int): Class, counted from 0.
        keypoint (np.ndarray): Coordinates (T, V, 3) in metres, any float
            type.
        num_joints (int): The V that is expected.
        **extra (int): Further fields, such as ``subject`` and ``view``.

    Returns:
        dict: ``frame_dir``, ``label``, ``keypoint`` (1, T, V, 3) float32,
        ``total_frames`` and the extra fields, in this order.

    Raises:
        ValueError: The array is empty, has another shape or holds values
            that are not finite.
    """
    shape = np.shape(keypoint)
    if len(shape) != 3 or shape[1:] != (num_joints, 3):
        raise ValueError(
            f'coordinates of shape {shape}, expected (frames, {num_joints}, 3)'
        )
    if shape[0] == 0:
        raise ValueError('no frames')
    with np.errstate(over='ignore'):  # what is too large is found below
        keypoint = np.ascontiguousarray(keypoint, dtype=np.float32)
    if not np.isfinite(keypoint).all():
        raise ValueError('coordinates that are NaN or infinite')
    return dict(
        frame_dir=frame_dir,
        label=int(label),
        keypoint=keypoint[None],
        total_frames=int(shape[0]),
        **{key: int(value) for key, value in extra.items()},
    )


def find_files(
    conversion: Conversion, in_dir: Path
) -> list[tuple[Path, Match]]:
    """The sequences of a folder in the order of their names.

    Args:
        conversion (Conversion): The data set.
        in_dir (Path): The folder of raw files, not searched deeper.

    Returns:
        list[tuple[Path, re.Match]]: Each file and its parsed stem.

    Raises:
        ConversionError: The folder does not exist or holds no sequence, or
            a sequence's name has another form.
    """
    if not in_dir.is_dir():
        raise ConversionError(
            f'{in_dir} is not a folder; give the one that holds the '
            f'{conversion.name} files, such as {conversion.example}'
        )
    paths = sorted(
        path
        for path in in_dir.iterdir()
        if path.suffix == conversion.suffix and not path.name.startswith('.')
    )
    if not paths:
        raise ConversionError(
            f'no {conversion.suffix} file in {in_dir}; give the folder that '
            f'holds the {conversion.name} files, such as '
            f'{conversion.example}'
        )
    matches = [re.fullmatch(conversion.pattern, path.stem) for path in paths]
    bad = [path.name for path, match in zip(paths, matches) if match is None]
    if bad:
        raise ConversionError(
            f'{len(bad)} file name(s) in {in_dir} are not of the form '
            f'{conversion.example}: {_listed(bad)}; rename them or move them '
            'away'
        )
    return list(zip(paths, matches))


def convert(
    conversion: Conversion, in_dir: Path
) -> tuple[list[Annotation], Splits]:
    """Read every sequence of a folder, with a progress bar.

    Args:
        conversion (Conversion): The data set.
        in_dir (Path): The folder of raw files.

    Returns:
        tuple: The annotations in the order of the file names, and for each
        split of ``conversion.counts`` the ``frame_dir`` of its samples.

    Raises:
        ConversionError: A file cannot be read or is malformed; the message
            names the files and what is wrong with each.
    """
    annotations: list[Annotation] = []
    problems: list[str] = []
    files = find_files(conversion, Path(in_dir))
    for path, match in track(files, description=conversion.name):
        try:
            annotations.append(conversion.read(path, match))
        except (ValueError, TypeError, OSError) as error:
            problems.append(f'{path.name}: {error}')
    if problems:
        raise ConversionError(
            f'{len(problems)} of {len(files)} {conversion.name} files are '
            f'malformed, nothing was written: {_listed(problems, "; ")}; '
            'fetch them again or move them away'
        )
    splits: Splits = {name: [] for name in conversion.counts}
    for annotation in annotations:
        splits[conversion.split_of(annotation)].append(annotation['frame_dir'])
    return annotations, splits


def check_counts(
    conversion: Conversion, splits: Splits, strict: bool = False
) -> Optional[str]:
    """Compare the number of samples with the published one.

    Args:
        conversion (Conversion): The data set.
        splits (dict): Split name to sample names.
        strict (bool): A part of the data set is an error as well.

    Returns:
        str or None: A warning if this is only a part of the data set, None
        if it is whole.

    Raises:
        ConversionError: As many samples as the whole data set has, in
            another division; or, with ``strict``, any difference.
    """
    found = {name: len(ids) for name, ids in splits.items()}
    if found == conversion.counts:
        return None
    text = (
        f'{conversion.name} has {_counts(conversion.counts)}, '
        f'but these files give {_counts(found)}'
    )
    if sum(found.values()) == sum(conversion.counts.values()):
        raise ConversionError(f'{text}: the names of the files are wrong')
    if strict:
        raise ConversionError(
            f'{text}; complete the folder, or leave out --strict to convert '
            'this part'
        )
    return f'{text}: results on it are not comparable with published ones'


def summarise(annotations: Sequence[Annotation], splits: Splits) -> str:
    """What a user should know of the converted data, defects included.

    Args:
        annotations (Sequence[dict]): Samples made by
            :func:`make_annotation`.
        splits (dict): Split name to sample names.

    Returns:
        str: A few lines of text without a newline at the end.
    """
    lengths = np.array([item['total_frames'] for item in annotations])
    classes = Counter(item['label'] for item in annotations)
    zero = {
        item['frame_dir']: int((item['keypoint'] == 0).all(-1).sum())
        for item in annotations
    }
    zero = {name: count for name, count in zero.items() if count}
    single = [
        item['frame_dir'] for item in annotations if item['total_frames'] == 1
    ]
    lines = [
        f'samples    {len(annotations)} ({_counts(splits)})',
        f'classes    {len(classes)}, {min(classes.values())} to '
        f'{max(classes.values())} samples each',
        f'subjects   {len({item["subject"] for item in annotations})}',
        f'lengths    {lengths.min()} to {lengths.max()} frames, median '
        f'{np.median(lengths):g}, {(lengths < 10).sum()} under 10 frames',
        f'one frame  {len(single)} sequences'
        + (f': {_listed(single)}' if single else ''),
        f'all zero   {sum(zero.values())} joints in {len(zero)} sequences'
        + (f': {_listed(list(zero))}' if zero else ''),
    ]
    return '\n'.join(lines)


def write_annotations(
    path: Path, annotations: Sequence[Annotation], splits: Splits
) -> None:
    """Write an annotation file: whole or not at all, same input same bytes.

    Args:
        path (Path): The target, ``*.pkl``; its folder is made if missing.
        annotations (Sequence[dict]): The samples.
        splits (dict): Split name to sample names.

    Raises:
        ConversionError: The name does not end in ``.pkl``, two samples have
            one name, or a split names an unknown sample.
    """
    path = Path(path)
    if path.suffix != '.pkl':
        raise ConversionError(
            f'the output {path} must end in .pkl, MMAction2 reads no other'
        )
    names = Counter(item['frame_dir'] for item in annotations)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ConversionError(f'several samples are named {_listed(twice)}')
    for split, ids in splits.items():
        unknown = [name for name in ids if name not in names]
        if unknown:
            raise ConversionError(
                f'split {split} names samples without annotation: '
                f'{_listed(unknown)}'
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the target's own folder: os.replace is atomic within a file system
    # only.
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        with open(part, 'wb') as file:
            pickle.dump(
                dict(split=dict(splits), annotations=list(annotations)),
                file,
                protocol=PICKLE_PROTOCOL,
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def main(
    conversion: Conversion,
    description: str,
    argv: Optional[Sequence[str]] = None,
) -> int:
    """The command line of a converter.

    Args:
        conversion (Conversion): The data set.
        description (str): Text of ``--help``.
        argv (Sequence[str], optional): Arguments, by default the process's.

    Returns:
        int: Exit status, 0 if the file was written and 1 if not.
    """
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'in_dir',
        type=Path,
        help=f'folder of the raw files, such as {conversion.example}',
    )
    parser.add_argument(
        'out', type=Path, help='annotation file to write (.pkl)'
    )
    parser.add_argument(
        '--strict',
        action='store_true',
        help='fail unless the number of samples is the published one',
    )
    args = parser.parse_args(argv)
    try:
        annotations, splits = convert(conversion, args.in_dir)
        warning = check_counts(conversion, splits, args.strict)
        write_annotations(args.out, annotations, splits)
    except (ConversionError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    if warning:
        print(f'warning: {warning}', file=sys.stderr)
    print(summarise(annotations, splits))
    print(f'written    {args.out}')
    return 0


def _counts(splits: dict[str, Any]) -> str:
    """Render the size of each split, given the sizes or the members."""
    return ', '.join(
        f'{name} {value if isinstance(value, int) else len(value)}'
        for name, value in splits.items()
    )


def _listed(items: Sequence[str], separator: str = ', ') -> str:
    """Join the first items and say how many more there are."""
    text = separator.join(items[:MAX_LISTED])
    more = len(items) - MAX_LISTED
    return f'{text} and {more} more' if more > 0 else text
