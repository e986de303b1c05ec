"""Options of a data set that are dicts."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

__all__ = ['check_options', 'check_part']


def check_options(
    name: str,
    given: Optional[Mapping],
    defaults: dict[str, Any],
    required: Sequence[str],
) -> Optional[dict[str, Any]]:
    """Check the keys of an option that is a dict; fill in its defaults.

    Args:
        name (str): The option.
        given (Mapping, optional): Its value.
        defaults (dict): What it may hold.
        required (Sequence[str]): What it must hold.

    Returns:
        dict, optional: All its values; None if none was given.

    Raises:
        TypeError: It is no dict, or one with other keys.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise TypeError(f'{name} must be a dict or None, got {given!r}')
    missing = [key for key in required if key not in given]
    unknown = [key for key in given if key not in {*required, *defaults}]
    if missing or unknown:
        may = f'may have {", ".join(defaults)}' if defaults else 'nothing else'
        raise TypeError(
            f'{name}={dict(given)} must have {", ".join(required)} and {may}'
        )
    return {**defaults, **given}


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
