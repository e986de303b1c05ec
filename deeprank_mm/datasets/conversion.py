"""Turning raw skeleton files into MMAction2's annotation format.

A converter is a :class:`Conversion`: which files, how one is read, which
splits, how many samples there should be. Everything else (progress, reading
in several processes, checks, the summary, the write) is the same for every
data set and lives here; the command lines are in ``tools/data/``.

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
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from re import Match
from typing import Any, Callable, Optional, Union

import numpy as np
from rich.progress import track

__all__ = [
    'Conversion',
    'ConversionError',
    'RawFiles',
    'add_reading_options',
    'check_counts',
    'check_output',
    'check_problems',
    'convert',
    'drop_empty_frames',
    'find_files',
    'listed',
    'make_annotation',
    'map_in_order',
    'parse_numbers',
    'read_files',
    'split_annotations',
    'summarise',
    'write_annotations',
]

# Fixed, so that the same input gives the same bytes under every Python.
PICKLE_PROTOCOL = 4
MAX_LISTED = 10
# Large enough that handing over results costs little, small enough that
# the last process to finish keeps nobody waiting.
MAX_CHUNK = 32

Annotation = dict[str, Any]
Splits = dict[str, list[str]]


class ConversionError(ValueError):
    """The raw files are not what the converter was told to expect."""


@dataclass(frozen=True)
class RawFiles:
    """The raw files of one data set and how many samples they hold.

    Attributes:
        name (str): Name of the data set, for messages.
        suffix (str): Which files of the input folder are sequences, for
            example ``'.json'``; the others are left alone.
        pattern (str): Regular expression the whole stem of each such file
            must match.
        example (str): A file name of the right form, for messages.
        counts (dict): The samples the whole data set has in each split.
    """

    name: str
    suffix: str
    pattern: str
    example: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Conversion(RawFiles):
    """A data set in which every raw file is one sample.

    Attributes:
        read (Callable): ``read(path, match) -> annotation``, by
            :func:`make_annotation`; ``match`` is the stem's, with the groups
            of ``pattern``. Raises ``ValueError`` saying what is wrong with
            the file. A function of a module, not a closure, if it is to run
            in several processes.
        split_of (Callable): ``split_of(annotation) -> split name``, or a
            tuple of names where the data set is split in several ways.
    """

    read: Callable[[Path, Match], Annotation]
    split_of: Callable[[Annotation], Union[str, tuple[str, ...]]]


def make_annotation(
    frame_dir: str,
    label: int,
    keypoint: np.ndarray,
    num_joints: int,
    max_people: Optional[int] = None,
    **extra: Union[int, str],
) -> Annotation:
    """One annotation, checked.

    Args:
        frame_dir (str): The name of the sample, unique in its data set.
        label (int): Class, counted from 0.
        keypoint (np.ndarray): Coordinates in metres, any float type:
            (T, V, 3) of a single person, or (M, T, V, 3) if ``max_people``
            is given.
        num_joints (int): The V that is expected.
        max_people (int, optional): The largest M. Defaults to None, a
            single person without the axis M.
        **extra (int | str): Further fields, such as ``subject`` and
            ``view``.

    Returns:
        dict: ``frame_dir``, ``label``, ``keypoint`` (M, T, V, 3) float32,
        ``total_frames`` and the extra fields, in this order.

    Raises:
        ValueError: The array is empty, has another shape or holds values
            that are not finite.
    """
    shape = np.shape(keypoint)
    axes = 3 if max_people is None else 4
    if len(shape) != axes or shape[-2:] != (num_joints, 3):
        people = '' if max_people is None else 'people, '
        raise ValueError(
            f'coordinates of shape {shape}, expected ({people}frames, '
            f'{num_joints}, 3)'
        )
    if shape[-3] == 0:
        raise ValueError('no frames')
    if max_people is not None and not 1 <= shape[0] <= max_people:
        raise ValueError(f'{shape[0]} people, expected 1 to {max_people}')
    with np.errstate(over='ignore'):  # what is too large is found below
        keypoint = np.ascontiguousarray(keypoint, dtype=np.float32)
    if not np.isfinite(keypoint).all():
        raise ValueError('coordinates that are NaN or infinite')
    return dict(
        frame_dir=frame_dir,
        label=int(label),
        keypoint=keypoint[None] if max_people is None else keypoint,
        total_frames=int(shape[-3]),
        **{
            key: value if isinstance(value, str) else int(value)
            for key, value in extra.items()
        },
    )


def drop_empty_frames(keypoint: np.ndarray) -> tuple[np.ndarray, int]:
    """Drop the people, then the frames, of which nothing was seen.

    A sensor that sees nobody leaves zeros. They are no pose: centred,
    interpolated or differenced, they look like a body that leaps to the
    camera and back. The frames that remain follow each other, so that the
    timing is off by the length of each gap.

    Args:
        keypoint (np.ndarray): Coordinates (M, T, V, 3); somebody absent is
            exactly zero in all joints.

    Returns:
        tuple: The coordinates (M', T', V, 3) of the people who are in any
        frame and the frames in which is anybody, and the T - T' frames that
        were dropped. M' and T' are 0 if there is nobody at all.
    """
    present = (keypoint != 0).any(axis=(2, 3))
    kept = present.any(axis=0)
    result = keypoint[present.any(axis=1)][:, kept]
    return result, int((~kept).sum())


def parse_numbers(rows: Sequence[Sequence[bytes]]) -> np.ndarray:
    """Turn the words of lines of text into numbers.

    Args:
        rows (Sequence[Sequence[bytes]]): The words of each line, equally
            many in all lines and at least one.

    Returns:
        np.ndarray: (lines, words) float64; ``nan`` and ``inf`` are numbers.

    Raises:
        ValueError: A word is not a number; the message says which.
    """
    # On short words float() is faster than NumPy's own text readers.
    numbers = []
    for row in rows:
        try:
            numbers.extend(map(float, row))
        except ValueError as error:
            raise ValueError(f'not a number: {_first_bad(row)}') from error
    return np.array(numbers).reshape(len(rows), -1)


def _first_bad(words: Sequence[bytes]) -> str:
    """The first word that is not a number, quoted."""
    for word in words:
        try:
            float(word)
        except ValueError:
            return repr(word.decode('ascii', 'backslashreplace')[:40])
    return ''


def find_files(files: RawFiles, in_dir: Path) -> list[tuple[Path, Match]]:
    """The sequences of a folder in the order of their names.

    Args:
        files (RawFiles): The data set.
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
            f'{files.name} files, such as {files.example}'
        )
    paths = sorted(
        path
        for path in in_dir.iterdir()
        if path.suffix == files.suffix and not path.name.startswith('.')
    )
    if not paths:
        raise ConversionError(
            f'no {files.suffix} file in {in_dir}; give the folder that '
            f'holds the {files.name} files, such as '
            f'{files.example}'
        )
    matches = [re.fullmatch(files.pattern, path.stem) for path in paths]
    bad = [path.name for path, match in zip(paths, matches) if match is None]
    if bad:
        raise ConversionError(
            f'{len(bad)} file name(s) in {in_dir} are not of the form '
            f'{files.example}: {listed(bad)}; rename them or move them '
            'away'
        )
    return list(zip(paths, matches))


def map_in_order(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    workers: int = 0,
    description: str = '',
) -> Iterator[Any]:
    """Apply a function to each item, with a progress bar.

    Args:
        function (Callable): Takes an item. In several processes it, the
            items and the results are pickled.
        items (Sequence): What to apply it to.
        workers (int): How many processes; 0 and 1 stay in this one.
            Defaults to 0.
        description (str): Title of the progress bar.

    Yields:
        Any: The results in the order of the items, however many processes
        there are.

    Raises:
        ConversionError: A process died.
    """
    if min(workers, len(items)) <= 1:
        yield from map(function, track(items, description=description))
        return
    chunk = max(1, min(MAX_CHUNK, len(items) // (4 * workers)))
    with ProcessPoolExecutor(workers) as pool:
        # The processes start here, before the bar's thread does: a thread
        # and a fork do not mix.
        results = pool.map(function, items, chunksize=chunk)
        try:
            yield from track(
                results, total=len(items), description=description
            )
        except BrokenProcessPool:
            raise ConversionError(
                'a reading process died, perhaps for want of memory; try '
                'fewer --workers'
            ) from None


def read_files(
    conversion: Conversion,
    files: Sequence[tuple[Path, Match]],
    workers: int = 0,
) -> tuple[list[Annotation], list[str]]:
    """Read sequences, with a progress bar, and go on after a malformed one.

    Args:
        conversion (Conversion): The data set.
        files (Sequence[tuple[Path, re.Match]]): As from :func:`find_files`.
        workers (int): How many processes; 0 and 1 stay in this one.
            Defaults to 0.

    Returns:
        tuple: The annotations in the order of the files, and for each file
        that cannot be read a line with its name and what is wrong.
    """
    results = map_in_order(
        partial(_read_one, conversion),
        [path for path, _ in files],
        workers,
        conversion.name,
    )
    annotations: list[Annotation] = []
    problems: list[str] = []
    for result in results:
        (problems if isinstance(result, str) else annotations).append(result)
    return annotations, problems


def _read_one(conversion: Conversion, path: Path) -> Union[Annotation, str]:
    """Read one file: its annotation, or a line on what is wrong with it."""
    # Matched again because a match cannot be sent to another process.
    match = re.fullmatch(conversion.pattern, path.stem)
    try:
        return conversion.read(path, match)
    except (ValueError, TypeError, OSError) as error:
        return f'{path.name}: {error}'


def check_problems(
    files: RawFiles, problems: Sequence[str], total: int, strict: bool
) -> None:
    """Decide whether malformed files end a conversion.

    Args:
        files (RawFiles): The data set.
        problems (Sequence[str]): A line for each.
        total (int): How many files there were.
        strict (bool): Any problem is an error; if not, only so many that
            nothing is left.

    Raises:
        ConversionError: They do; the message names them.
    """
    if problems and (strict or len(problems) >= total):
        raise ConversionError(
            f'{len(problems)} of {total} {files.name} files are malformed, '
            f'nothing was written: {listed(problems, "; ")}; fetch them '
            'again or move them away'
        )


def split_annotations(
    conversion: Conversion, annotations: Sequence[Annotation]
) -> Splits:
    """Divide samples into the splits of their data set.

    Args:
        conversion (Conversion): The data set.
        annotations (Sequence[dict]): The samples.

    Returns:
        dict: For each split of ``conversion.counts`` the ``frame_dir`` of
        its samples, in their order.
    """
    splits: Splits = {name: [] for name in conversion.counts}
    for annotation in annotations:
        names = conversion.split_of(annotation)
        for name in (names,) if isinstance(names, str) else names:
            splits[name].append(annotation['frame_dir'])
    return splits


def convert(
    conversion: Conversion, in_dir: Path, workers: int = 0
) -> tuple[list[Annotation], Splits]:
    """Read every sequence of a folder; a malformed one is an error.

    Args:
        conversion (Conversion): The data set.
        in_dir (Path): The folder of raw files.
        workers (int): How many processes; 0 and 1 stay in this one.
            Defaults to 0.

    Returns:
        tuple: The annotations in the order of the file names, and for each
        split of ``conversion.counts`` the ``frame_dir`` of its samples.

    Raises:
        ConversionError: A file cannot be read or is malformed; the message
            names the files and what is wrong with each.
    """
    files = find_files(conversion, Path(in_dir))
    annotations, problems = read_files(conversion, files, workers)
    check_problems(conversion, problems, len(files), strict=True)
    return annotations, split_annotations(conversion, annotations)


def check_counts(
    files: RawFiles, splits: Splits, strict: bool = False
) -> Optional[str]:
    """Compare the number of samples with the published one.

    Args:
        files (RawFiles): The data set.
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
    if found == files.counts:
        return None
    text = (
        f'{files.name} has {_counts(files.counts)}, '
        f'but these files give {_counts(found)}'
    )
    if sum(found.values()) == sum(files.counts.values()):
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
    classes = Counter(item['label'] for item in annotations if 'label' in item)
    zero = {
        item['frame_dir']: _zero_joints(item['keypoint'])
        for item in annotations
    }
    zero = {name: count for name, count in zero.items() if count}
    single = [
        item['frame_dir'] for item in annotations if item['total_frames'] == 1
    ]
    people = Counter(len(item['keypoint']) for item in annotations)
    subjects = {item['subject'] for item in annotations if 'subject' in item}
    empty = [item.get('empty_frames', 0) for item in annotations]
    lines = [
        f'samples    {len(annotations)} ({_counts(splits)})',
        f'classes    {len(classes)}, {min(classes.values(), default=0)} to '
        f'{max(classes.values(), default=0)} samples each',
        f'subjects   {len(subjects) or "unknown"}',
        f'lengths    {lengths.min()} to {lengths.max()} frames, median '
        f'{np.median(lengths):g}, {(lengths < 10).sum()} under 10 frames',
        f'one frame  {len(single)} sequences'
        + (f': {listed(single)}' if single else ''),
        f'all zero   {sum(zero.values())} joints in {len(zero)} sequences'
        + (f': {listed(list(zero))}' if zero else ''),
    ]
    if sum(classes.values()) < len(annotations):
        lines.append(f'unlabelled {len(annotations) - sum(classes.values())}')
    if max(people) > 1:
        lines.append(
            'people     '
            + ', '.join(
                f'{count} sequences of {number}'
                for number, count in sorted(people.items())
            )
        )
    if any(empty):
        lines.append(
            f'nobody in  {sum(empty)} frames of {np.count_nonzero(empty)} '
            'sequences, left out'
        )
    return '\n'.join(lines)


def _zero_joints(keypoint: np.ndarray) -> int:
    """How many joints (of M, T, V) are exactly at the origin."""
    zero = (keypoint == 0).all(-1)
    if len(keypoint) > 1:
        # Whoever of several is not there is zero by convention.
        zero &= ~zero.all(-1, keepdims=True)
    return int(zero.sum())


def check_output(path: Path) -> None:
    """Refuse an unfit name before hours are spent on its content.

    Args:
        path (Path): Where the annotation file will be.

    Raises:
        ConversionError: The name does not end in ``.pkl``.
    """
    if Path(path).suffix != '.pkl':
        raise ConversionError(
            f'the output {path} must end in .pkl, MMAction2 reads no other'
        )


def write_annotations(
    path: Path,
    annotations: Sequence[Annotation],
    splits: Splits,
    extra: Optional[dict[str, Any]] = None,
) -> None:
    """Write an annotation file: whole or not at all, same input same bytes.

    Args:
        path (Path): The target, ``*.pkl``; its folder is made if missing.
        annotations (Sequence[dict]): The samples.
        splits (dict): Split name to sample names.
        extra (dict, optional): Further entries of the file, plain data,
            which the data set classes leave alone. Defaults to None.

    Raises:
        ConversionError: The name does not end in ``.pkl``, two samples have
            one name, or a split names an unknown sample.
    """
    path = Path(path)
    check_output(path)
    names = Counter(item['frame_dir'] for item in annotations)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ConversionError(f'several samples are named {listed(twice)}')
    for split, ids in splits.items():
        unknown = [name for name in ids if name not in names]
        if unknown:
            raise ConversionError(
                f'split {split} names samples without annotation: '
                f'{listed(unknown)}'
            )
    content = dict(
        split={
            name: [_canonical(member) for member in ids]
            for name, ids in splits.items()
        },
        annotations=[
            {_canonical(key): _canonical(item[key]) for key in item}
            for item in annotations
        ],
        **(extra or {}),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the target's own folder: os.replace is atomic within a file system
    # only.
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        with open(part, 'wb') as file:
            pickle.dump(content, file, protocol=PICKLE_PROTOCOL)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _canonical(value: Any) -> Any:
    """An equal value whose pickle is the same wherever it comes from.

    A pickle refers back to an *object* it has met before, so that what came
    from another process, equal but not identical, gives other bytes.
    """
    if type(value) is str:
        return sys.intern(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in 'biuf':
        return value.view(np.dtype(value.dtype.str))
    return value


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers``, by default as many as there are CPUs.

    Args:
        parser (argparse.ArgumentParser): A converter's.
    """
    usable = getattr(os, 'sched_getaffinity', None)
    cpus = len(usable(0)) if usable else os.cpu_count() or 1
    parser.add_argument(
        '--workers',
        type=_at_least_0,
        default=cpus,
        metavar='N',
        help='processes that read; 0 and 1 read in this one; the output is '
        f'the same (default: the number of CPUs, here {cpus})',
    )


def _at_least_0(text: str) -> int:
    """An argument's type."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f'{number} is below 0')
    return number


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
        check_output(args.out)
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


def listed(items: Sequence[str], separator: str = ', ') -> str:
    """Join the first items and say how many more there are.

    Args:
        items (Sequence[str]): Names or lines.
        separator (str): What comes between. Defaults to a comma.

    Returns:
        str: At most ten of them.
    """
    text = separator.join(items[:MAX_LISTED])
    more = len(items) - MAX_LISTED
    return f'{text} and {more} more' if more > 0 else text
