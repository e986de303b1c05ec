"""NTU RGB+D 60 and 120: ``.skeleton`` text to annotations.

A file holds one recording of a Kinect v2, as text: the number of frames; for
each frame the number of bodies; for each body a line that begins with the
body's id, a line with the number of joints, 25, and for each joint 12
numbers, the first three of which are x, y and z in metres. The name of the
file, ``SsssCcccPpppRrrrAaaa``, tells setup, camera, subject, replication and
action.

The sensor sees bodies where there are none, in chairs and reflections, and
gives a person who was lost for a moment a new id. :func:`select_bodies`
makes at most two people of what it saw. It knows nothing of the action, so
that the test labels have no part in the data.

The splits are the data set's own: cross-subject (``xsub``) by lists of
training subjects, cross-view (``xview``, the 60 only) trains on cameras 2
and 3, cross-setup (``xset``, the 120 only) on the setups of even number.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from re import Match
from typing import Any, Optional

import numpy as np

from .conversion import (
    Conversion,
    ConversionError,
    check_counts,
    drop_empty_frames,
    find_files,
    listed,
    make_annotation,
    parse_numbers,
)

__all__ = [
    'CONVERSIONS',
    'NUM_JOINTS',
    'Body',
    'check_published_counts',
    'parse_skeleton',
    'read_missing',
    'read_sample',
    'select_bodies',
    'select_files',
]

NUM_JOINTS = 25
# x y z, their places in the depth and colour images, a quaternion, state.
JOINT_NUMBERS = 12
MAX_PEOPLE = 2

# What counts as noise. The first three are the thresholds of the field's
# usual preparation of this data set.
MIN_FRAMES = 12
MAX_WIDTH = 0.8  # of a frame, as a share of the height
MAX_WIDE_FRAMES = 0.69754  # share of a body's frames
# Square metres. Who walks the sensor's whole range of 4 m has 1.4; a body
# beyond leaps from one thing to another.
MAX_MOTION = 2.0

XSUB_TRAIN = frozenset(
    map(
        int,
        (
            '1 2 4 5 8 9 13 14 15 16 17 18 19 25 27 28 31 34 35 38 45 46 '
            '47 49 50 52 53 54 55 56 57 58 59 70 74 78 80 81 82 83 84 85 '
            '86 89 91 92 93 94 95 97 98 100 103 '
        ).split(),
    )
)
XVIEW_TRAIN = frozenset((2, 3))

# Setups, cameras, subjects, replications and actions of NTU RGB+D 120.
FIELDS = ('setup', 'view', 'subject', 'replication', 'action')
LARGEST = dict(setup=32, view=3, subject=106, replication=2, action=120)
# Of these, NTU RGB+D 60.
LARGEST_60 = dict(setup=17, action=60)
_NAME = r'S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})'


@dataclass(frozen=True)
class Body:
    """What the sensor took for one body.

    Attributes:
        body_id (str): Its id in the file.
        frames (np.ndarray): (n, ) int64, the frames it is in, ascending.
        joints (np.ndarray): (n, 25, 3) float64, x, y, z in metres.
    """

    body_id: str
    frames: np.ndarray
    joints: np.ndarray


class _Lines:
    """The lines of a file that are not blank, as words, with their number."""

    def __init__(self, data: bytes) -> None:
        # bytes.split() takes \r for a blank, so CRLF and LF are the same.
        self._lines = enumerate(map(bytes.split, data.split(b'\n')), start=1)
        self._rows = ((n, row) for n, row in self._lines if row)
        self.numbers: list[int] = []  # of the lines taken last

    def take(self, count: int, part: str) -> list[list[bytes]]:
        """The next lines, as many as asked for."""
        rows = list(islice(self._rows, count))
        if len(rows) < count:
            raise ValueError(f'the file ends in {part}; it was cut short')
        self.numbers = [number for number, _ in rows]
        return [row for _, row in rows]

    def integer(self, meaning: str, part: str) -> int:
        """The next line, which is one number that is not negative."""
        (row,) = self.take(1, part)
        if len(row) != 1 or not row[0].isdigit():
            text = b' '.join(row).decode('ascii', 'backslashreplace')[:40]
            raise ValueError(
                f'line {self.numbers[0]}: expected {meaning}, got {text!r}'
            )
        return int(row[0])

    def rest(self) -> Iterator[tuple[int, list[bytes]]]:
        """What nobody asked for."""
        return self._rows


def parse_skeleton(data: bytes) -> tuple[int, list[Body]]:
    """Parse the content of a ``.skeleton`` file.

    Args:
        data (bytes): The content, with line ends LF or CRLF.

    Returns:
        tuple: The number of frames, and the bodies in the order in which
        they appear first. A body that goes and comes back under the same id
        is one.

    Raises:
        ValueError: The file is empty, cut short or too long, has another
            number of joints or is malformed; the message says where.
    """
    lines = _Lines(data)
    if not data.strip():
        raise ValueError('the file is empty')
    num_frames = lines.integer('the number of frames', 'its first line')
    if num_frames == 0:
        raise ValueError('no frames')
    frames: dict[bytes, list[int]] = {}
    joints: dict[bytes, list[np.ndarray]] = {}
    for frame in range(num_frames):
        part = f'frame {frame + 1} of {num_frames}'
        for _ in range(lines.integer('the number of bodies', part)):
            # Ids have 17 digits: as floats, different ones would be equal.
            body_id = lines.take(1, part)[0][0]
            seen = frames.setdefault(body_id, [])
            if seen and seen[-1] == frame:
                name = body_id.decode('latin1')
                raise ValueError(
                    f'line {lines.numbers[0]}: body {name} is in {part} twice'
                )
            seen.append(frame)
            joints.setdefault(body_id, []).append(_joints(lines, part))
    for number, _ in lines.rest():
        raise ValueError(
            f'line {number}: the file goes on after its {num_frames} frames'
        )
    bodies = [
        Body(
            body_id.decode('latin1'),
            np.array(frames[body_id]),
            np.array(joints[body_id]),
        )
        for body_id in frames
    ]
    for body in bodies:
        if not np.isfinite(body.joints).all():
            raise ValueError(
                f'body {body.body_id} has coordinates that are NaN or infinite'
            )
    return num_frames, bodies


def _joints(lines: _Lines, part: str) -> np.ndarray:
    """The joints of one body in one frame, (25, 3)."""
    count = lines.integer('the number of joints', part)
    if count != NUM_JOINTS:
        raise ValueError(
            f'line {lines.numbers[0]}: a body of {count} joints, expected '
            f'{NUM_JOINTS}'
        )
    rows = lines.take(NUM_JOINTS, part)
    for number, row in zip(lines.numbers, rows):
        if len(row) != JOINT_NUMBERS:
            raise ValueError(
                f'line {number}: a joint of {len(row)} numbers, expected '
                f'{JOINT_NUMBERS}'
            )
    try:
        return parse_numbers([row[:3] for row in rows])
    except ValueError as error:
        raise ValueError(
            f'lines {lines.numbers[0]} to {lines.numbers[-1]}: {error}'
        ) from None


def select_bodies(bodies: Sequence[Body], num_frames: int) -> np.ndarray:
    """Make at most two people of the bodies that a sensor saw.

    1. Length: a body in fewer than 12 frames is noise.
    2. Spread: in a frame, a body wider (in x) than 0.8 of its height (in y)
       is hardly a person; a body of which that is so in 69.754 % of the
       frames or more is noise.
    3. Motion: the variance over time of the joints' positions, summed over
       x, y and z and averaged over the joints, taken over the frames that
       are not too wide. A body of more than 2 square metres is noise.
    4. The bodies that remain, most motion first, are given to the first
       person who is nowhere else in those frames. So the pieces of somebody
       whose id changed come together. What would need a third person is
       left out.

    A rule that would leave nobody is not applied: a short recording keeps
    its short body, and who lies on the floor throughout is kept too.

    Args:
        bodies (Sequence[Body]): As from :func:`parse_skeleton`.
        num_frames (int): T.

    Returns:
        np.ndarray: (M, T, 25, 3) float64, in the order of motion, zero
        where a person is absent; M is 1 or 2, or 0 if there are no bodies.
    """
    bodies = _unless_none(
        bodies, [len(body.frames) >= MIN_FRAMES for body in bodies]
    )
    wide = [_is_wide(body) for body in bodies]
    bodies = _unless_none(bodies, [w.mean() < MAX_WIDE_FRAMES for w in wide])
    motion = [_motion(body) for body in bodies]
    calm = _unless_none(bodies, [amount <= MAX_MOTION for amount in motion])
    amounts = {id(body): amount for body, amount in zip(bodies, motion)}
    people = np.zeros((MAX_PEOPLE, num_frames, NUM_JOINTS, 3))
    taken = np.zeros((MAX_PEOPLE, num_frames), dtype=bool)
    # sorted() is stable: equals stay in the order of their appearance.
    for body in sorted(calm, key=lambda body: -amounts[id(body)]):
        free = ~taken[:, body.frames].any(axis=1)
        if free.any():
            person = int(free.argmax())
            people[person, body.frames] = body.joints
            taken[person, body.frames] = True
    return people[taken.any(axis=1)]


def _unless_none(
    bodies: Sequence[Body], keep: Sequence[bool]
) -> Sequence[Body]:
    """The bodies to keep, or all if that would be none."""
    kept = [body for body, good in zip(bodies, keep) if good]
    return kept or bodies


def _is_wide(body: Body) -> np.ndarray:
    """(n, ) bool, in which of its frames a body is no upright person."""
    spread = np.ptp(body.joints, axis=1)
    return spread[:, 0] > MAX_WIDTH * spread[:, 1]


def _motion(body: Body) -> float:
    """How much a body moves, in square metres."""
    upright = ~_is_wide(body)
    joints = body.joints[upright] if upright.any() else body.joints
    with np.errstate(over='ignore'):  # infinite is more than allowed, too
        return float(joints.var(axis=0).sum(axis=-1).mean())


def read_sample(path: Path, match: Match) -> dict[str, Any]:
    """Read one recording.

    The frames with nobody in them are left out, see
    :func:`~deeprank_mm.datasets.conversion.drop_empty_frames`.

    Args:
        path (Path): The ``.skeleton`` file.
        match (re.Match): Of its stem, with the groups setup, camera,
            subject, replication and action.

    Returns:
        dict: The annotation: ``keypoint`` (M, T, 25, 3) with M 1 or 2,
        ``subject``, ``view`` (the camera), ``setup``, ``replication`` and
        ``empty_frames``, how many frames were left out.

    Raises:
        ValueError: The content is malformed, or there is nobody in it.
    """
    fields = dict(zip(FIELDS, map(int, match.groups())))
    num_frames, bodies = parse_skeleton(path.read_bytes())
    keypoint, empty = drop_empty_frames(select_bodies(bodies, num_frames))
    if keypoint.size == 0:
        raise ValueError(f'nobody in any of its {num_frames} frames')
    return make_annotation(
        path.stem,
        fields['action'] - 1,
        keypoint,
        NUM_JOINTS,
        max_people=MAX_PEOPLE,
        subject=fields['subject'],
        view=fields['view'],
        setup=fields['setup'],
        replication=fields['replication'],
        empty_frames=empty,
    )


def _splits_60(annotation: dict[str, Any]) -> tuple[str, ...]:
    xsub = annotation['subject'] in XSUB_TRAIN
    xview = annotation['view'] in XVIEW_TRAIN
    return (
        'xsub_train' if xsub else 'xsub_val',
        'xview_train' if xview else 'xview_val',
    )


def _splits_120(annotation: dict[str, Any]) -> tuple[str, ...]:
    xsub = annotation['subject'] in XSUB_TRAIN
    xset = annotation['setup'] % 2 == 0
    return (
        'xsub_train' if xsub else 'xsub_val',
        'xset_train' if xset else 'xset_val',
    )


CONVERSIONS = dict(
    ntu60=Conversion(
        name='NTU RGB+D 60',
        suffix='.skeleton',
        pattern=_NAME,
        example='S001C001P001R001A001.skeleton',
        read=read_sample,
        split_of=_splits_60,
        counts=dict(
            xsub_train=40091,
            xsub_val=16487,
            xview_train=37646,
            xview_val=18932,
        ),
    ),
    ntu120=Conversion(
        name='NTU RGB+D 120',
        suffix='.skeleton',
        pattern=_NAME,
        example='S018C001P008R001A061.skeleton',
        read=read_sample,
        split_of=_splits_120,
        counts=dict(
            xsub_train=63026,
            xsub_val=50919,
            xset_train=54468,
            xset_val=59477,
        ),
    ),
)


def read_missing(path: Path) -> frozenset[str]:
    """Read one of the published lists of incomplete recordings.

    Args:
        path (Path): Text: some lines of explanation, then one name a line,
            such as ``S001C002P005R002A008``, with or without ``.skeleton``.

    Returns:
        frozenset[str]: The names.

    Raises:
        ConversionError: There is no such file, it has no names, or a line
            among the names is none.
    """
    try:
        lines = Path(path).read_text(errors='replace').splitlines()
    except OSError as error:
        raise ConversionError(
            f'the list of missing skeletons cannot be read: {error}'
        ) from None
    names = set()
    for number, line in enumerate(lines, start=1):
        match = re.fullmatch(rf'\s*({_NAME})(?:\.skeleton)?\s*', line)
        if match:
            names.add(match.group(1))
        elif names and line.strip():
            raise ConversionError(
                f'{path}, line {number}: expected a name such as '
                f'S001C002P005R002A008, got {line.strip()[:40]!r}'
            )
    if not names:
        raise ConversionError(
            f'{path} names no recording; give the list of samples with '
            'missing skeletons, one name such as S001C002P005R002A008 a line'
        )
    return frozenset(names)


def select_files(
    dataset: str, in_dir: Path, missing: frozenset[str] = frozenset()
) -> tuple[list[tuple[Path, Match]], list[str]]:
    """Choose the recordings of a data set in a folder.

    Args:
        dataset (str): 'ntu60' or 'ntu120'. The files of both may be in one
            folder.
        in_dir (Path): The folder.
        missing (frozenset[str]): Names to leave out. Defaults to none.

    Returns:
        tuple: Each file and its parsed stem, in the order of the names; and
        lines for the user on what was left out.

    Raises:
        ConversionError: There are none, or a name is none of the data sets'.
    """
    conversion = CONVERSIONS[dataset]
    found = find_files(conversion, Path(in_dir))
    bad = [path.name for path, match in found if not _within(match, LARGEST)]
    if bad:
        raise ConversionError(
            f'{len(bad)} file name(s) in {in_dir} have a setup, camera, '
            f'subject, replication or action that NTU RGB+D lacks: '
            f'{listed(bad)}; rename them or move them away'
        )
    notes = []
    files = found
    if dataset == 'ntu60':
        files = [item for item in found if _within(item[1], LARGEST_60)]
        if len(files) < len(found):
            notes.append(
                f'{len(found) - len(files)} files are of ntu120 only, not '
                'of ntu60'
            )
    kept = [item for item in files if item[0].stem not in missing]
    if missing:
        notes.append(
            f'{len(files) - len(kept)} files are among the {len(missing)} '
            'of the list of missing skeletons'
        )
    if not kept:
        raise ConversionError(
            f'no {conversion.name} file in {in_dir} is left: '
            f'{"; ".join(notes)}'
        )
    return kept, notes


def _within(match: Match, largest: dict[str, int]) -> bool:
    """Whether the numbers in a name are from 1 to the largest."""
    fields = dict(zip(FIELDS, map(int, match.groups())))
    return all(1 <= fields[name] <= largest[name] for name in largest)


def check_published_counts(
    dataset: str,
    splits: dict[str, list[str]],
    strict: bool = False,
    missing_given: bool = True,
) -> Optional[str]:
    """Compare the number of samples with the published one.

    Args:
        dataset (str): 'ntu60' or 'ntu120'.
        splits (dict): Split name to sample names.
        strict (bool): A part of the data set is an error as well.
        missing_given (bool): Whether the list of missing skeletons was
            honoured; if not, the message recalls it.

    Returns:
        str or None: A warning if this is not the whole, None if it is.

    Raises:
        ConversionError: As many samples as the whole data set has, in
            another division; or, with ``strict``, any difference.
    """
    hint = (
        ''
        if missing_given
        else '; the published numbers leave out the samples with missing '
        'skeletons: give their list with --missing'
    )
    try:
        warning = check_counts(CONVERSIONS[dataset], splits, strict)
    except ConversionError as error:
        raise ConversionError(f'{error}{hint}') from None
    return f'{warning}{hint}' if warning else None
