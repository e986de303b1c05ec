"""Every defect of an annotation file, in one pass.

A check is one small function below, registered by its decorator:

- of a *sample*: takes a :class:`Sample`, returns what is wrong with it;
- of a *clip*: the same, for samples whose coordinates have sound axes;
- of the *file*: takes a :class:`Contents`, yields :class:`Finding` objects.

An *error* makes training fail or gives a silently wrong result, a *warning*
is survived, a *note* is for whoever compares results.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
from rich import get_console
from rich.progress import track

from .annotation import (
    count_people_and_frames,
    fingerprint,
    finite_problem,
    identifier_of,
    is_id_list,
    keypoint_problem,
    label_problem,
    sample_id_problem,
    score_problem,
    subject_of,
    total_frames_problem,
)
from .safe_pickle import UnsafeAnnotationError, load_annotations

__all__ = ['SEVERITIES', 'Finding', 'Report', 'check_contents', 'check_file']

SEVERITIES = ('error', 'warning', 'note')
# Fewer frames than this hold hardly a movement.
SHORT = 10
# No body is so much larger than another, nor so much farther away.
HUGE = 1000
# Splits that promise that no subject is on both sides.
_CROSS_SUBJECT = re.compile(r'x[-_]?sub|cross[-_]?sub', re.IGNORECASE)
_TRAIN = re.compile('train', re.IGNORECASE)
_TEST_NAMES = ('val', 'test', 'eval', 'valid', 'validation', 'testing')
# Classes that no sample has are counted up to here.
_MAX_LISTED_CLASS = 1000


@dataclass(frozen=True)
class Finding:
    """One kind of defect and where it is.

    Attributes:
        check (str): Name of the check.
        severity (str): One of :data:`SEVERITIES`.
        title (str): What it is, in a few words.
        where (list[tuple[str, str]]): The name of each sample (or class, or
            subject) that has it, and what exactly is wrong there.
    """

    check: str
    severity: str
    title: str
    where: list[tuple[str, str]]

    def to_dict(self) -> dict[str, Any]:
        """dict: For JSON, with all names."""
        return dict(
            check=self.check,
            severity=self.severity,
            title=self.title,
            count=len(self.where),
            where=[dict(name=n, detail=d) for n, d in self.where],
        )


@dataclass(frozen=True)
class Report:
    """What is wrong with a file.

    Attributes:
        samples (int): How many annotations there are.
        splits (dict[str, int]): The members of each split.
        findings (list[Finding]): The worst first.
    """

    samples: int
    splits: dict[str, int]
    findings: list[Finding]

    def count(self, severity: str) -> int:
        """How many findings are as severe as that.

        Args:
            severity (str): One of :data:`SEVERITIES`.

        Returns:
            int: Their number.
        """
        return sum(f.severity == severity for f in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """dict: For JSON, with all names."""
        return dict(
            samples=self.samples,
            splits=self.splits,
            **{f'{name}s': self.count(name) for name in SEVERITIES},
            findings=[finding.to_dict() for finding in self.findings],
        )


@dataclass
class Sample:
    """One annotation.

    Attributes:
        name (str): Its id, or its position where it has none.
        item (Mapping): The annotation.
        identifier (str): The field that holds the id.
        num_classes (int, optional): How many classes the user says.
    """

    name: str
    item: Mapping
    identifier: str
    num_classes: Optional[int] = None

    @cached_property
    def problem(self) -> Optional[str]:
        """What is wrong with the axes of the coordinates, if anything."""
        return keypoint_problem(self.item)

    @cached_property
    def keypoint(self) -> np.ndarray:
        """The coordinates, if there is no problem."""
        return self.item['keypoint']

    @cached_property
    def missing(self) -> np.ndarray:
        """Which joints are exactly zero: bool, without the last axis."""
        return (self.keypoint == 0).all(-1)

    @cached_property
    def frames(self) -> Optional[int]:
        """How many there are, None where frames are no axis."""
        counts = count_people_and_frames(self.item)
        return None if counts is None else counts[1]


class _Summary(NamedTuple):
    """What remains of a sample when its coordinates have been looked at."""

    name: str
    label: Optional[int]
    subject: Optional[str]
    shape: Optional[tuple[int, ...]]  # None: no sound coordinates
    extent: float  # the largest coordinate, 0 if there is none
    digest: Optional[bytes]  # None: nothing to compare


@dataclass
class Contents:
    """The file as the checks of the whole see it.

    Attributes:
        samples (list[_Summary]): The annotations.
        splits (dict[str, list[str]]): The names each split holds.
        train (list[str]): Splits to train on.
        pairs (list[tuple[str, str]]): Splits to train and to test on.
        num_classes (int, optional): How many classes the user says.
    """

    samples: list[_Summary]
    splits: dict[str, list[str]]
    train: list[str]
    pairs: list[tuple[str, str]]
    num_classes: Optional[int] = None
    by_name: dict[str, _Summary] = field(init=False)

    def __post_init__(self) -> None:
        self.by_name = {sample.name: sample for sample in self.samples}

    def members(self, split: str) -> list[_Summary]:
        """The annotated samples of a split.

        Args:
            split (str): Its name.

        Returns:
            list[_Summary]: Each once.
        """
        names = dict.fromkeys(self.splits[split])
        return [self.by_name[name] for name in names if name in self.by_name]


class _Check(NamedTuple):
    name: str
    severity: str
    title: str
    find: Callable[[Sample], Optional[str]]


_SAMPLE_CHECKS: list[_Check] = []
_CLIP_CHECKS: list[_Check] = []
_FILE_CHECKS: list[Callable[[Contents], Iterable[Finding]]] = []


def _of(checks: list[_Check], severity: str, title: str) -> Callable:
    """Register a check of a sample or a clip."""

    def register(function: Callable) -> Callable:
        checks.append(_Check(function.__name__, severity, title, function))
        return function

    return register


def _of_file(function: Callable) -> Callable:
    """Register a check of the file."""
    _FILE_CHECKS.append(function)
    return function


# -- samples ----------------------------------------------------------------


@_of(_SAMPLE_CHECKS, 'error', 'samples without an id')
def no_id(sample: Sample) -> Optional[str]:
    """No name, or one that cannot be used."""
    return sample_id_problem(sample.item, sample.identifier)


@_of(_SAMPLE_CHECKS, 'error', "samples without 'keypoint'")
def no_keypoint(sample: Sample) -> Optional[str]:
    """No coordinates."""
    return None if 'keypoint' in sample.item else sample.problem


@_of(_SAMPLE_CHECKS, 'error', 'empty clips')
def empty_clip(sample: Sample) -> Optional[str]:
    """An axis of length zero."""
    shape = getattr(sample.item.get('keypoint'), 'shape', ())
    return sample.problem if 0 in shape else None


@_of(_SAMPLE_CHECKS, 'error', "'keypoint' of a wrong shape or type")
def wrong_shape(sample: Sample) -> Optional[str]:
    """No array, no numbers, or other axes."""
    if 'keypoint' not in sample.item or empty_clip(sample):
        return None
    return sample.problem


@_of(_SAMPLE_CHECKS, 'error', 'labels that are no class')
def bad_label(sample: Sample) -> Optional[str]:
    """Of a wrong type or out of range."""
    label = sample.item.get('label')
    return None if label is None else label_problem(label, sample.num_classes)


# -- clips: samples with sound axes -----------------------------------------


@_of(_CLIP_CHECKS, 'error', 'neither 2 nor 3 coordinates (and a score)')
def coordinates(sample: Sample) -> Optional[str]:
    """No transform knows what they are."""
    number = sample.keypoint.shape[-1]
    return None if number in (2, 3, 4) else f'has {number} coordinates'


@_of(_CLIP_CHECKS, 'error', 'NaN or infinite numbers')
def not_finite(sample: Sample) -> Optional[str]:
    """In coordinates or scores."""
    # one whose scores are no numbers at all has its own check
    return None if bad_score(sample) else finite_problem(sample.item)


@_of(_CLIP_CHECKS, 'error', "'keypoint_score' of a wrong shape or type")
def bad_score(sample: Sample) -> Optional[str]:
    """Scores that do not fit the coordinates."""
    return score_problem(sample.item)


@_of(_CLIP_CHECKS, 'error', "'total_frames' that cannot be")
def bad_total_frames(sample: Sample) -> Optional[str]:
    """No number, or more than there are frames."""
    return total_frames_problem(sample.item)


@_of(_CLIP_CHECKS, 'warning', "'total_frames' below the number of frames")
def low_total_frames(sample: Sample) -> Optional[str]:
    """The frames after it are not sampled by MMAction2's transforms."""
    total = sample.item.get('total_frames', sample.frames)
    if sample.frames is None or bad_total_frames(sample):
        return None
    if total >= sample.frames:
        return None
    return f'says total_frames={total} of {sample.frames} frames'


@_of(_CLIP_CHECKS, 'warning', "samples without 'total_frames'")
def no_total_frames(sample: Sample) -> Optional[str]:
    """SkeletonDataset fills it in, MMAction2's PoseDataset does not."""
    missing = 'total_frames' not in sample.item
    return 'only SkeletonDataset fills it in' if missing else None


@_of(_CLIP_CHECKS, 'error', 'clips that are zero throughout')
def nobody(sample: Sample) -> Optional[str]:
    """Nothing to learn from."""
    if not sample.missing.all():
        return None
    return f"its 'keypoint' {sample.keypoint.shape} is zero"


@_of(_CLIP_CHECKS, 'warning', 'one-frame clips')
def one_frame(sample: Sample) -> Optional[str]:
    """A pose and no movement."""
    return '1 frame' if sample.frames == 1 else None


@_of(_CLIP_CHECKS, 'warning', f'clips of 2 to {SHORT - 1} frames')
def few_frames(sample: Sample) -> Optional[str]:
    """Hardly a movement."""
    frames = sample.frames
    if frames is None or not 2 <= frames < SHORT:
        return None
    return f'{frames} frames'


@_of(_CLIP_CHECKS, 'warning', 'people who are zero throughout')
def absent_person(sample: Sample) -> Optional[str]:
    """Padding that costs time."""
    if sample.frames is None or nobody(sample):
        return None
    absent = np.flatnonzero(sample.missing.all(axis=(1, 2)))
    if not len(absent):
        return None
    return f'{len(absent)} of {len(sample.keypoint)} people'


@_of(_CLIP_CHECKS, 'warning', 'frames in which nobody is')
def empty_frames(sample: Sample) -> Optional[str]:
    """Interpolated or differenced, they leap to the origin and back."""
    if sample.frames is None or nobody(sample):
        return None
    empty = int(sample.missing.all(axis=(0, 2)).sum())
    return f'{empty} of {sample.frames} frames' if empty else None


@_of(_CLIP_CHECKS, 'warning', 'single joints that are exactly zero')
def zero_joints(sample: Sample) -> Optional[str]:
    """Not tracked, in somebody who else is there."""
    missing = sample.missing
    zero = int((missing & ~missing.all(-1, keepdims=True)).sum())
    return f'{zero} joints' if zero else None


# -- the file ---------------------------------------------------------------


@_of_file
def duplicate_ids(contents: Contents) -> Iterator[Finding]:
    """Two annotations of one name."""
    counts = Counter(sample.name for sample in contents.samples)
    where = [(name, f'{n} times') for name, n in counts.items() if n > 1]
    yield Finding('duplicate_ids', 'error', 'ids that are not unique', where)


@_of_file
def different_shapes(contents: Contents) -> Iterator[Finding]:
    """Joints or coordinates that are not as many as in the other samples."""
    for axis, what in ((-2, 'joints'), (-1, 'coordinates')):
        clips = [sample for sample in contents.samples if sample.shape]
        counts = Counter(sample.shape[axis] for sample in clips)
        if len(counts) < 2:
            continue
        usual = counts.most_common(1)[0][0]
        where = [
            (sample.name, f'{sample.shape[axis]} {what}, most have {usual}')
            for sample in clips
            if sample.shape[axis] != usual
        ]
        yield Finding(
            f'different_{what}',
            'error',
            f'another number of {what} than most',
            where,
        )


@_of_file
def huge_coordinates(contents: Contents) -> Iterator[Finding]:
    """One such clip makes BatchNorm's variance so large that others vanish."""
    extents = [s.extent for s in contents.samples if np.isfinite(s.extent)]
    usual = float(np.median(extents)) if extents else 0.0
    yield Finding(
        'huge_coordinates',
        'warning',
        f'coordinates {HUGE} times as large as in other clips',
        [
            (s.name, f'up to {s.extent:.3g}, the median clip to {usual:.3g}')
            for s in contents.samples
            if np.isfinite(s.extent) and s.extent > HUGE * usual > 0
        ],
    )


@_of_file
def no_label(contents: Contents) -> Iterator[Finding]:
    """Pretraining needs none, everything else does."""
    yield Finding(
        'no_label',
        'warning' if contents.num_classes is None else 'error',
        'samples without a label: they can only be pretrained on',
        [(s.name, 'no label') for s in contents.samples if s.label is None],
    )


@_of_file
def empty_split(contents: Contents) -> Iterator[Finding]:
    """Nothing to train or test on."""
    where = []
    for split, names in contents.splits.items():
        if not contents.members(split):
            where.append((split, f'{len(names)} ids, none with annotation'))
    yield Finding('empty_split', 'error', 'splits without samples', where)


@_of_file
def unknown_ids(contents: Contents) -> Iterator[Finding]:
    """Ids without annotation: the split is smaller than it says."""
    for split, names in contents.splits.items():
        unknown = dict.fromkeys(n for n in names if n not in contents.by_name)
        yield Finding(
            'unknown_ids',
            'warning',
            f'ids in split {split!r} without annotation',
            [(name, 'no annotation') for name in unknown],
        )


@_of_file
def repeated_ids(contents: Contents) -> Iterator[Finding]:
    """Listed twice, read once."""
    for split, names in contents.splits.items():
        yield Finding(
            'repeated_ids',
            'warning',
            f'ids more than once in split {split!r}',
            [
                (name, f'{count} times')
                for name, count in Counter(names).items()
                if count > 1
            ],
        )


@_of_file
def in_no_split(contents: Contents) -> Iterator[Finding]:
    """Never read."""
    listed = {name for names in contents.splits.values() for name in names}
    yield Finding(
        'in_no_split',
        'note',
        'samples that no split names',
        [
            (sample.name, 'in no split')
            for sample in contents.samples
            if contents.splits and sample.name not in listed
        ],
    )


@_of_file
def untrained_classes(contents: Contents) -> Iterator[Finding]:
    """A classifier never predicts what it has not seen."""
    everywhere = Counter(
        s.label for s in contents.samples if s.label is not None
    )
    if not everywhere:
        return
    last = min(max(everywhere), _MAX_LISTED_CLASS - 1)
    classes = set(everywhere) | set(range(last + 1))
    if contents.num_classes is not None:
        classes = set(range(contents.num_classes))
    for split in contents.train:
        trained = {sample.label for sample in contents.members(split)}
        yield Finding(
            'untrained_classes',
            'warning',
            f'classes without samples in split {split!r}',
            [
                (str(label), f'{everywhere[label]} samples in the file')
                for label in sorted(classes - trained)
            ],
        )


@_of_file
def common_samples(contents: Contents) -> Iterator[Finding]:
    """Tested on what was trained on."""
    for train, test in contents.pairs:
        both = set(contents.splits[train]) & set(contents.splits[test])
        yield Finding(
            'common_samples',
            'error',
            f'samples both in {train!r} and in {test!r}',
            [(name, 'in both') for name in sorted(both)],
        )


@_of_file
def common_subjects(contents: Contents) -> Iterator[Finding]:
    """Forbidden in cross-subject splits; other splits share them by design."""
    for train, test in contents.pairs:
        subjects = [
            {sample.subject for sample in contents.members(split)} - {None}
            for split in (train, test)
        ]
        promised = all(_CROSS_SUBJECT.search(name) for name in (train, test))
        yield Finding(
            'common_subjects',
            'error' if promised else 'note',
            f'subjects both in {train!r} and in {test!r}',
            [(name, 'in both') for name in sorted(subjects[0] & subjects[1])],
        )
        unknown = [
            (sample.name, 'no subject')
            for split in (train, test)
            for sample in contents.members(split)
            if sample.subject is None
        ]
        yield Finding(
            'unknown_subjects',
            'warning' if promised else 'note',
            f'samples of {train!r} and {test!r} of an unknown subject',
            unknown,
        )


@_of_file
def identical_clips(contents: Contents) -> Iterator[Finding]:
    """The same coordinates under several names."""
    groups = defaultdict(list)
    for sample in contents.by_name.values():
        if sample.digest is not None:
            groups[sample.digest].append(sample)
    sides = [
        (set(contents.splits[train]), set(contents.splits[test]))
        for train, test in contents.pairs
    ]
    leaked, contradictory, harmless = [], [], []
    for first, *others in groups.values():
        names = {sample.name for sample in (first, *others)}
        labels = {sample.label for sample in (first, *others)}
        if any(names & train and names & test for train, test in sides):
            found = leaked
        elif len(labels) > 1:
            found = contradictory
        else:
            found = harmless
        found += [(sample.name, f'same as {first.name}') for sample in others]
    yield Finding(
        'identical_in_train_and_test',
        'error',
        'identical clips, in a training and in its test split',
        leaked,
    )
    yield Finding(
        'identical_of_different_classes',
        'error',
        'identical clips with different labels',
        contradictory,
    )
    yield Finding(
        'identical_clips',
        'warning',
        'identical clips under different ids',
        harmless,
    )


# -- running them -----------------------------------------------------------


def check_file(
    path: str,
    num_classes: Optional[int] = None,
    train: Optional[str] = None,
    test: Optional[str] = None,
) -> Report:
    """Check an annotation file; see :func:`check_contents`.

    Args:
        path (str): The file.
        num_classes (int, optional): How many classes there are, to check
            labels against. Defaults to None, unknown.
        train (str, optional): The split to train on. Defaults to None: all
            whose names say so.
        test (str, optional): The split to test on. Defaults to None: those
            named like the one to train on.

    Returns:
        Report: What was found. A file that would run code is not loaded, and
        that is the finding.

    Raises:
        FileNotFoundError: There is no such file.
        UnsafeAnnotationError: The file is no pickle or is cut short.
        ValueError: There is no such split.
    """
    try:
        content = load_annotations(path)
    except UnsafeAnnotationError as error:
        if error.refused is None:
            raise
        finding = Finding(
            'runs_code',
            'error',
            'a pickle that would run code; it was not loaded',
            [(error.refused, 'would be called')],
        )
        return Report(0, {}, [finding])
    return check_contents(content, num_classes, train, test)


def check_contents(
    content: Any,
    num_classes: Optional[int] = None,
    train: Optional[str] = None,
    test: Optional[str] = None,
) -> Report:
    """Run every check, with a progress bar.

    Args:
        content (Any): What the file holds: a list of annotations or
            ``dict(split=..., annotations=[...])``.
        num_classes (int, optional): See :func:`check_file`.
        train (str, optional): See :func:`check_file`.
        test (str, optional): See :func:`check_file`.

    Returns:
        Report: What was found.

    Raises:
        ValueError: There is no such split.
    """
    annotations, splits, findings = _take_apart(content)
    chosen, pairs = _choose_splits(splits, train, test)
    where: dict[_Check, list[tuple[str, str]]] = defaultdict(list)
    summaries = []
    identifier = identifier_of(annotations) if annotations else 'frame_dir'
    quiet = not get_console().is_terminal
    for position, item in enumerate(
        track(annotations, 'Checking', transient=True, disable=quiet)
    ):
        if not isinstance(item, Mapping):
            kind = type(item).__name__
            where[_NO_DICT].append((f'#{position}', f'is a {kind}'))
            continue
        name = f'#{position}'
        if sample_id_problem(item, identifier) is None:
            name = str(item[identifier])
        sample = Sample(name, item, identifier, num_classes)
        for check in _checks_of(sample):
            problem = check.find(sample)
            if problem is not None:
                where[check].append((name, problem))
        summaries.append(_summarise(sample))
    findings += [
        Finding(check.name, check.severity, check.title, where[check])
        for check in (_NO_DICT, *_SAMPLE_CHECKS, *_CLIP_CHECKS)
    ]
    contents = Contents(summaries, splits, chosen, pairs, num_classes)
    for file_check in _FILE_CHECKS:
        findings += file_check(contents)
    return Report(
        len(annotations),
        {name: len(members) for name, members in splits.items()},
        sorted(
            (finding for finding in findings if finding.where),
            key=lambda finding: SEVERITIES.index(finding.severity),
        ),
    )


_NO_DICT = _Check(
    'no_dict', 'error', 'annotations that are no dict', lambda sample: None
)


def _checks_of(sample: Sample) -> list[_Check]:
    if sample.problem is not None:
        return _SAMPLE_CHECKS
    return _SAMPLE_CHECKS + _CLIP_CHECKS


def _summarise(sample: Sample) -> _Summary:
    shape = digest = None
    extent = 0.0
    if sample.problem is None:
        shape = sample.keypoint.shape
        with np.errstate(over='ignore'):
            extent = float(np.abs(sample.keypoint.astype(np.float32)).max())
        if not sample.missing.all():
            digest = fingerprint(sample.item)
    label = sample.item.get('label')
    return _Summary(
        sample.name,
        None if label is None or label_problem(label) else int(label),
        subject_of(sample.item, sample.name),
        shape,
        extent,
        digest,
    )


def _take_apart(
    content: Any,
) -> tuple[Sequence[Any], dict[str, list[str]], list[Finding]]:
    """Annotations and splits, and what is wrong with the file's own form."""
    splits: Any = None
    annotations: Any = content
    if isinstance(content, Mapping):
        splits = content.get('split')
        annotations = content.get('annotations')
    where = []
    if not isinstance(annotations, (list, tuple)):
        kind = type(annotations).__name__
        where.append(('annotations', f'a {kind}, expected a list of dicts'))
        annotations = []
    elif not annotations:
        where.append(('annotations', 'an empty list'))
    if splits is None:
        splits = {}
    elif not isinstance(splits, Mapping):
        kind = type(splits).__name__
        where.append(('split', f'a {kind}, expected dict(name=[id, ...])'))
        splits = {}
    lists = {}
    for name, members in splits.items():
        if is_id_list(members):
            lists[str(name)] = [str(member) for member in members]
        else:
            kind = type(members).__name__
            where.append((f'split {name!r}', f'a {kind}, expected a list'))
    form = Finding('form', 'error', 'entries of a wrong form', where)
    return annotations, lists, [form]


def _choose_splits(
    splits: Mapping[str, list[str]], train: Optional[str], test: Optional[str]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Which splits are trained on, and which pairs are to be disjoint."""
    for name in (train, test):
        if name is not None and name not in splits:
            raise ValueError(
                f'there is no split {name!r} in the file, only '
                f'{sorted(splits)}'
            )
    chosen = [train] if train else [n for n in splits if _TRAIN.search(n)]
    if test:
        return chosen, [(name, test) for name in chosen]
    return chosen, [
        (name, other)
        for name in chosen
        for other in (_TRAIN.sub(kind, name) for kind in _TEST_NAMES)
        if other in splits and other != name
    ]
