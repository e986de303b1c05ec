"""PKU-MMD I and II: long sequences and label rows to annotated clips.

A sequence is a text file of one line a frame: 150 numbers, x, y, z in metres
of the 25 joints of two bodies, one after the other, all zero for a body that
is not there (Kinect v2, joint order ``nturgb+d`` of MMAction2). Its label
file, of the same name, has a row ``class,start,end,confidence`` for each
action; the confidence may be missing and is not used. Classes are numbered
from 1, frames from 0.

Whether the frame ``end`` belongs to the clip is not written down, and
converters in use disagree: ``'exclusive'``, the default here, takes
``start`` to ``end - 1``, as the conversion that MAMP published and others
took over; ``'inclusive'`` takes ``start`` to ``end``.

The classes of part I are 1 to 51, label ``k`` is class ``k + 1``. Part II has
41 classes, with ids between 1 and 51; they are numbered anew in the ascending
order of the ids that occur. (Other people's code says that the ten actions of
two people are missing: 12, 14, 16, 18, 21, 24, 26, 27, 29 and 38.) The
annotation file lists the ids as ``classes``: label ``k`` is class
``classes[k]``.

The split is cross-subject: sequences that the data set's file lists for
training train (``xsub_train``), all others test (``xsub_val``).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .conversion import (
    ConversionError,
    RawFiles,
    drop_empty_frames,
    find_files,
    listed,
    make_annotation,
    map_in_order,
    parse_numbers,
)

__all__ = [
    'INTERVALS',
    'PARTS',
    'Clips',
    'LabelRow',
    'convert_part',
    'parse_labels',
    'parse_sequence',
    'read_split',
]

INTERVALS = ('exclusive', 'inclusive')
NUM_JOINTS = 25
NUM_PEOPLE = 2
NUM_IDS = 51
NUM_CLASSES = {1: 51, 2: 41}
VIEWS = dict(L=1, M=2, R=3)  # left, middle and right camera

# The counts are from other people's conversions, not from the authors.
PARTS = {
    1: RawFiles(
        name='PKU-MMD I',
        suffix='.txt',
        pattern=r'\d{4}-([LMR])',
        example='0002-L.txt',
        counts=dict(xsub_train=18841, xsub_val=2704),
    ),
    2: RawFiles(
        name='PKU-MMD II',
        suffix='.txt',
        pattern=r'A\d+N\d+-([LMR])',
        example='A01N01-L.txt',
        counts=dict(xsub_train=5332, xsub_val=1613),
    ),
}


@dataclass(frozen=True)
class LabelRow:
    """One row of a label file.

    Attributes:
        line (int): Its line in the file, counted from 1.
        class_id (int): 1 to 51.
        start (int): First frame, counted from 0.
        stop (int): One after the last frame.
    """

    line: int
    class_id: int
    start: int
    stop: int


@dataclass
class Clips:
    """What a part of the data set, or a sequence of it, gives.

    Attributes:
        annotations (list[dict]): The clips.
        problems (list[str]): A line for each row or file that is malformed
            or sticks out, and what was done about it.
        class_ids (set[int]): The classes of all well-formed rows.
        rows (int): How many label rows there are, malformed ones included.
        unlisted (list[str]): Sequences in neither list of the split file;
            they test.
    """

    annotations: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    class_ids: set[int] = field(default_factory=set)
    rows: int = 0
    unlisted: list[str] = field(default_factory=list)


def parse_sequence(data: bytes) -> np.ndarray:
    """Parse the content of a skeleton file.

    Args:
        data (bytes): The content, with line ends LF or CRLF.

    Returns:
        np.ndarray: (2, T, 25, 3) float64, in metres, zero where a body is
        not there.

    Raises:
        ValueError: The file is empty or a line is malformed; the message
            says which.
    """
    rows = [line.split() for line in data.split(b'\n')]
    while rows and not rows[-1]:
        rows.pop()
    if not rows:
        raise ValueError('the file is empty')
    width = NUM_PEOPLE * NUM_JOINTS * 3
    for number, row in enumerate(rows, start=1):
        # A blank line is malformed as well: which frame follows it?
        if len(row) != width:
            raise ValueError(
                f'line {number}: {len(row)} numbers, expected {width}'
            )
    try:
        numbers = parse_numbers(rows)
    except ValueError as error:
        raise ValueError(f'{_line_of_error(rows)}{error}') from None
    shape = (len(rows), NUM_PEOPLE, NUM_JOINTS, 3)
    return numbers.reshape(shape).swapaxes(0, 1)


def _line_of_error(rows: Sequence[Sequence[bytes]]) -> str:
    """Where the first word is that is not a number."""
    for number, row in enumerate(rows, start=1):
        try:
            parse_numbers([row])
        except ValueError:
            return f'line {number}: '
    return ''


def parse_labels(
    text: str, interval: str = 'exclusive'
) -> tuple[list[LabelRow], list[str]]:
    """Parse the content of a label file.

    Args:
        text (str): Rows ``class,start,end`` or ``class,start,end,confidence``
            of whole numbers; blank lines are left alone.
        interval (str): 'exclusive' or 'inclusive' of the frame ``end``.
            Defaults to 'exclusive'.

    Returns:
        tuple: The rows, and for each malformed one ``line N: what``.

    Raises:
        ValueError: An unknown interval.
    """
    if interval not in INTERVALS:
        raise ValueError(
            f'interval must be one of {INTERVALS}, got {interval!r}'
        )
    rows: list[LabelRow] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append(_parse_row(number, line, interval))
        except ValueError as error:
            problems.append(f'line {number}: {error}')
    return rows, problems


def _parse_row(number: int, line: str, interval: str) -> LabelRow:
    words = [word.strip() for word in line.split(',')]
    if len(words) not in (3, 4) or not all(
        re.fullmatch(r'-?\d+', word) for word in words[:3]
    ):
        raise ValueError(
            'expected class,start,end[,confidence] in whole numbers, got '
            f'{line.strip()[:40]!r}'
        )
    class_id, start, end = map(int, words[:3])
    if not 1 <= class_id <= NUM_IDS:
        raise ValueError(f'class {class_id}, known are 1 to {NUM_IDS}')
    if start < 0:
        raise ValueError(f'starts at frame {start}')
    stop = end + (interval == 'inclusive')
    if stop <= start:
        raise ValueError(
            f'frames {start} to {end} ({interval}) are none at all'
        )
    return LabelRow(number, class_id, start, stop)


def read_split(path: Path, part: int) -> tuple[list[str], list[str]]:
    """Read a cross-subject split file.

    Args:
        path (Path): Text: a line such as ``Training videos:``, the names of
            the training sequences with commas between, a second such line
            and the names of the others.
        part (int): 1 or 2, which tells the form of the names.

    Returns:
        tuple: The training sequences and the others.

    Raises:
        ConversionError: The file cannot be read or has another form, or a
            sequence is listed twice.
    """
    files = PARTS[part]
    try:
        lines = Path(path).read_text(errors='replace').splitlines()
    except OSError as error:
        raise ConversionError(
            f'the split file cannot be read: {error}'
        ) from None
    lists: list[list[str]] = []
    headers: list[str] = []
    for number, line in enumerate(lines, start=1):
        words = [word for word in re.split(r'[,\s]+', line) if word]
        good = [bool(re.fullmatch(files.pattern, word)) for word in words]
        if words and not any(good):
            headers.append(line.strip())
            lists.append([])
        elif words and not all(good):
            raise ConversionError(
                f'{path}, line {number}: {words[good.index(False)]!r} is no '
                f'{files.name} sequence such as {Path(files.example).stem}'
            )
        elif words and not lists:
            raise ConversionError(
                f'{path}, line {number}: sequences without a line such as '
                "'Training videos:' before them"
            )
        elif words:
            lists[-1] += words
    if (
        len(lists) not in (1, 2)
        or not lists[0]
        or 'train' not in headers[0].lower()
    ):
        raise ConversionError(
            f'{path} is no {files.name} split file: expected a line such as '
            "'Training videos:', sequences such as "
            f'{Path(files.example).stem}, and the same for the others'
        )
    names = [name for names in lists for name in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConversionError(f'{path} lists {listed(twice)} twice')
    return lists[0], lists[1] if len(lists) == 2 else []


def convert_part(
    part: int,
    skeleton_dir: Path,
    label_dir: Path,
    split_file: Path,
    interval: str = 'exclusive',
    workers: int = 0,
) -> tuple[Clips, dict[str, list[str]], list[int]]:
    """Cut all sequences of a folder into clips, with a progress bar.

    A clip is named by its sequence and the line of its label row,
    ``0002-L_001``. Bodies and frames that are all zero are left out, see
    :func:`~deeprank_mm.datasets.conversion.drop_empty_frames`.

    Args:
        part (int): 1 or 2.
        skeleton_dir (Path): Folder of the skeleton files.
        label_dir (Path): Folder of the label files.
        split_file (Path): The cross-subject split.
        interval (str): 'exclusive' or 'inclusive' of the frame ``end``.
            Defaults to 'exclusive'.
        workers (int): How many processes; 0 and 1 stay in this one.
            Defaults to 0.

    Returns:
        tuple: The clips in the order of sequences and rows; the names of
        each split's; the class id of each label.

    Raises:
        ConversionError: A folder or the split file is unfit, or no clip is
            left.
        ValueError: An unknown interval.
    """
    files = PARTS[part]
    parse_labels('', interval)  # an unknown one is refused at once
    train, others = read_split(split_file, part)
    sequences = [path for path, _ in find_files(files, Path(skeleton_dir))]
    labels = [path for path, _ in find_files(files, Path(label_dir))]
    names = {path.stem for path in sequences}
    if names.isdisjoint(train):
        raise ConversionError(
            f'no sequence of {skeleton_dir} is listed for training in '
            f'{split_file}; give the cross-subject file of {files.name}'
        )
    clips = Clips(unlisted=sorted(names.difference(train, others)))
    for path in labels:
        if path.stem not in names:
            clips.problems.append(
                f'{path}: no sequence {path.name} in {skeleton_dir}; left out'
            )
    for name in (*train, *others):
        if name not in names:
            clips.problems.append(
                f'{split_file}: no sequence {name}.txt in {skeleton_dir}'
            )
    results = map_in_order(
        partial(_cut_sequence, part, Path(label_dir), interval),
        sequences,
        workers,
        files.name,
    )
    for result in results:
        clips.annotations += result.annotations
        clips.problems += result.problems
        clips.class_ids |= result.class_ids
        clips.rows += result.rows
    if not clips.annotations:
        raise ConversionError(
            f'none of the {clips.rows} label rows of {files.name} gives a '
            f'clip: {listed(clips.problems, "; ")}'
        )
    classes = (
        list(range(1, NUM_IDS + 1)) if part == 1 else sorted(clips.class_ids)
    )
    for clip in clips.annotations:
        clip['label'] = classes.index(clip['label'])
    return clips, _splits(files, clips.annotations, frozenset(train)), classes


def _splits(
    files: RawFiles, clips: Sequence[dict[str, Any]], train: frozenset[str]
) -> dict[str, list[str]]:
    splits: dict[str, list[str]] = {name: [] for name in files.counts}
    for clip in clips:
        name = 'xsub_train' if clip['sequence'] in train else 'xsub_val'
        splits[name].append(clip['frame_dir'])
    return splits


def _cut_sequence(
    part: int, label_dir: Path, interval: str, path: Path
) -> Clips:
    """Cut one sequence; as labels, the clips have their class ids."""
    clips = Clips()
    label_path = label_dir / path.name
    try:
        text = label_path.read_bytes().decode('ascii', 'backslashreplace')
        rows, problems = parse_labels(text, interval)
    except FileNotFoundError:
        clips.problems.append(
            f'{path}: no label file {path.name} in {label_dir}; left out'
        )
        return clips
    except OSError as error:
        clips.problems.append(f'{label_path}: {error}; left out')
        return clips
    clips.rows = len(rows) + len(problems)
    clips.class_ids = {row.class_id for row in rows}
    clips.problems += [
        f'{label_path}, {problem}; left out' for problem in problems
    ]
    if clips.rows == 0:
        clips.problems.append(f'{label_path}: no rows; left out')
    try:
        sequence = parse_sequence(path.read_bytes())
    except (OSError, ValueError) as error:
        clips.problems.append(
            f'{path}: {error}; its {len(rows)} clips are left out'
        )
        return clips
    view = VIEWS[re.fullmatch(PARTS[part].pattern, path.stem).group(1)]
    for row in rows:
        where = f'{label_path}, line {row.line}'
        try:
            clip, cut = _cut(sequence, row, path.stem, view)
        except ValueError as error:
            clips.problems.append(f'{where}: {error}; left out')
            continue
        clips.annotations.append(clip)
        if cut:
            clips.problems.append(f'{where}: {cut}')
    return clips


def _cut(
    sequence: np.ndarray, row: LabelRow, name: str, view: int
) -> tuple[dict[str, Any], str]:
    """The clip of a row and, if it sticks out of its sequence, a remark."""
    length = sequence.shape[1]
    frames = f'frames {row.start} to {row.stop - 1}'
    if row.start >= length:
        raise ValueError(f'{frames}, but the sequence has {length} frames')
    stop = min(row.stop, length)
    keypoint, empty = drop_empty_frames(sequence[:, row.start : stop])
    if keypoint.size == 0:
        raise ValueError(f'nobody in {frames}')
    clip = make_annotation(
        f'{name}_{row.line:03d}',
        row.class_id,
        keypoint,
        NUM_JOINTS,
        max_people=NUM_PEOPLE,
        sequence=name,
        # the three cameras of one performance, to be held out together
        recording=name.rpartition('-')[0],
        view=view,
        start=row.start,
        stop=stop,
        empty_frames=empty,
    )
    if stop == row.stop:
        return clip, ''
    return clip, (
        f'{frames}, but the sequence has {length} frames; cut to its end'
    )
