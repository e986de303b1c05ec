"""Parts of a data set as pure functions of sample ids.

Who is held out and whose label is used depends on the ids and a seed only:
not on the order of the file, the process, the machine or the version of a
random generator. Samples are put in the order of a hash, and a part is the
beginning of that order.
"""

import hashlib
import numbers
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Optional

import numpy as np

__all__ = ['check_part', 'holdout_split', 'labelled_subset']


def labelled_subset(
    ids: Sequence[str], labels: Sequence[Hashable], fraction: float, seed: int
) -> np.ndarray:
    """Choose the samples whose labels a semi-supervised run may use.

    Stratified: ``max(1, round(fraction * n_c))`` of the ``n_c`` samples of
    each class. Within a class samples are taken in the order of the SHA-256
    of ``'{seed}:{id}'``, so for one seed a smaller subset is part of every
    larger one.

    Args:
        ids (Sequence[str]): N different sample ids.
        labels (Sequence[Hashable]): Their N classes.
        fraction (float): Share of each class, in (0, 1].
        seed (int): Names the subset.

    Returns:
        np.ndarray: Positions in ``ids``, sorted, int64.

    Raises:
        TypeError: The seed is not an integer.
        ValueError: No samples, repeated ids, lengths that differ or a
            fraction out of range.
    """
    _check(ids, seed)
    if not _is_number(fraction) or not 0 < fraction <= 1:
        raise ValueError(
            f'the labelled fraction must be in (0, 1], got {fraction!r}'
        )
    if len(labels) != len(ids):
        raise ValueError(f'{len(ids)} sample ids but {len(labels)} labels')
    classes: dict[Hashable, list[int]] = {}
    for position, label in enumerate(labels):
        classes.setdefault(label, []).append(position)
    chosen: list[int] = []
    for members in classes.values():
        members.sort(key=lambda i: (_digest(f'{int(seed)}:{ids[i]}'), ids[i]))
        chosen += members[: max(1, round(fraction * len(members)))]
    return np.array(sorted(chosen), dtype=np.int64)


def holdout_split(
    ids: Sequence[str],
    groups: Optional[Sequence[Any]],
    fraction: float,
    seed: int,
) -> np.ndarray:
    """Choose the samples held out from training for validation.

    With groups (subjects, say) whole groups are held out, so that none is
    on both sides: ``max(1, round(fraction * n))`` of the ``n`` groups, but
    never all of them, in the order of a hash of seed and group. Without
    groups the same is done with samples. The hash is not the one of
    :func:`labelled_subset`: with one seed for both, the labelled samples
    would be just those that pretraining has not seen.

    Args:
        ids (Sequence[str]): N different sample ids.
        groups (Sequence, optional): The N groups, told apart by their text
            (3 and '3' are one group), or None.
        fraction (float): Share of the groups, or of the samples, in (0, 1).
        seed (int): Names the split.

    Returns:
        np.ndarray: (N, ) bool, True for the held-out samples. Both sides
        have samples.

    Raises:
        TypeError: The seed is not an integer.
        ValueError: No samples, repeated ids, lengths that differ, a fraction
            out of range, or a single group (sample), which cannot be split.
    """
    _check(ids, seed)
    if not _is_number(fraction) or not 0 < fraction < 1:
        raise ValueError(
            f'the held-out fraction must be in (0, 1), got {fraction!r}'
        )
    if groups is not None and len(groups) != len(ids):
        raise ValueError(f'{len(ids)} sample ids but {len(groups)} groups')
    units = [str(unit) for unit in (ids if groups is None else groups)]
    order = sorted(
        set(units), key=lambda unit: (_digest(f'holdout:{seed}:{unit}'), unit)
    )
    if len(order) < 2:
        what = 'sample' if groups is None else 'group'
        raise ValueError(
            f'cannot hold out a part of one {what} '
            f'({order[0]!r}): one side would be empty'
        )
    count = min(max(1, round(fraction * len(order))), len(order) - 1)
    held_out = set(order[:count])
    return np.array([unit in held_out for unit in units], dtype=bool)


def check_part(holdout: Optional[Mapping]) -> None:
    """Check which part of a split a data set keeps.

    Args:
        holdout (Mapping, optional): The option, with its ``part``.

    Raises:
        ValueError: It is neither of the two.
    """
    if holdout is not None and holdout['part'] not in ('train', 'holdout'):
        raise ValueError(
            "holdout part must be 'train' or 'holdout', "
            f'got {holdout["part"]!r}'
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _check(ids: Sequence[str], seed: Any) -> None:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f'the seed must be an integer, got {seed!r}')
    if not len(ids):
        raise ValueError('no samples to choose from')
    if len(set(ids)) < len(ids):
        twice = [name for name, n in Counter(ids).items() if n > 1]
        raise ValueError(
            f'{len(twice)} sample id(s) occur more than once, '
            f'such as {twice[0]!r}'
        )
