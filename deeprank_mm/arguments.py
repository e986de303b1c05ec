"""Arguments of a wrong name or type are named where they are given.

What configs hold reaches constructors unchecked, and a text in the place of a
number fails much later, deep inside some computation.
"""

import collections.abc
import functools
import inspect
import math
import numbers
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Union

import numpy as np

__all__ = ['check_arguments', 'check_options']


def check_arguments(init: Callable) -> Callable:
    """Check what a constructor is given against its annotations.

    Decorates ``__init__``. Where it passes ``**kwargs`` on, the constructors
    of the parent classes say what these may be. Annotations are read as
    configs are written: ``int`` takes NumPy's integers and no bool, ``float``
    any finite number, ``Sequence``, ``List`` and ``Tuple`` lists and tuples
    (and never a single text), ``dict`` any mapping.

    Args:
        init (Callable): The ``__init__`` of a class.

    Returns:
        Callable: It, raising ``TypeError`` where an argument is unknown,
        missing or of another type; the message names it.
    """

    @functools.wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        who = type(self).__name__
        signature = inspect.signature(init)
        hints = typing.get_type_hints(init)
        known = dict(signature.parameters)
        if any(p.kind is p.VAR_KEYWORD for p in known.values()):
            known, hints = _inherited(type(self))
        unknown = [name for name in kwargs if known and name not in known]
        if unknown:
            names = [name for name in known if name != 'self']
            raise TypeError(
                f'{who} has no argument {unknown[0]!r}, it takes '
                f'{", ".join(names) or "none"}'
            )
        try:
            given = signature.bind(self, *args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(
                f'{who} cannot be made of these arguments: {error}'
            ) from None
        given = {**given, **kwargs}
        for name, value in given.items():
            if name in hints and not _fits(value, hints[name]):
                raise TypeError(
                    f'{who}: `{name}` must be {_describe(hints[name])}, but '
                    f'got {_brief(value)} ({type(value).__name__})'
                )
        init(self, *args, **kwargs)

    return checked


def check_options(
    name: str,
    given: Optional[Mapping],
    defaults: dict[str, Any],
    required: Sequence[str],
) -> Optional[dict[str, Any]]:
    """Check the keys of an argument that is a dict; fill in its defaults.

    Args:
        name (str): The argument.
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


def _inherited(kind: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and hints of all constructors that ``**kwargs`` reaches.

    No parameters, for any, if the last of them takes any.
    """
    known: dict[str, Any] = {}
    hints: dict[str, Any] = {}
    for parent in kind.__mro__:
        if '__init__' not in vars(parent) or parent is object:
            continue
        init = vars(parent)['__init__']
        parameters = inspect.signature(init).parameters
        try:
            own = typing.get_type_hints(init)
        except Exception:  # upstream's annotations need not resolve
            own = {}
        open_ended = False
        for name, parameter in parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                open_ended = True
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                known.setdefault(name, parameter)
                if name in own:
                    hints.setdefault(name, own[name])
        if not open_ended:
            return known, hints
    return {}, hints


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is what an annotation says."""
    if hint is None or hint is type(None):
        return value is None
    if hint is Any:
        return True
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Union:
        return any(_fits(value, option) for option in arguments)
    kind = hint if origin is None else origin
    if kind is bool:
        return isinstance(value, (bool, np.bool_))
    if kind in (int, float):
        number = numbers.Integral if kind is int else numbers.Real
        if isinstance(value, bool) or not isinstance(value, number):
            return False
        # no NaN, no infinity, nothing that tensors have no number for
        whole = isinstance(value, numbers.Integral)
        return bool(abs(value) < (1 << 63 if whole else math.inf))
    if kind in _SEQUENCES:
        return _fits_sequence(value, kind, arguments)
    if isinstance(kind, type) and issubclass(kind, Mapping):
        if not isinstance(value, Mapping):
            return False
        return not arguments or all(
            _fits(k, arguments[0]) and _fits(v, arguments[1])
            for k, v in value.items()
        )
    if kind is collections.abc.Callable:
        return callable(value)
    return isinstance(value, kind) if isinstance(kind, type) else True


_SEQUENCES = (list, tuple, collections.abc.Sequence)


def _fits_sequence(value: Any, kind: Any, arguments: tuple) -> bool:
    if not isinstance(value, (list, tuple, range, np.ndarray)):
        return False
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return False
    if kind is tuple and arguments and arguments[-1] is not ...:
        return len(value) == len(arguments) and all(
            map(_fits, value, arguments)
        )
    return not arguments or all(_fits(item, arguments[0]) for item in value)


def _describe(hint: Any) -> str:
    """An annotation in the words of a config."""
    if hint is None or hint is type(None):
        return 'None'
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Union:
        *others, last = [_describe(option) for option in arguments]
        return f'{", ".join(others)} or {last}'
    kind = hint if origin is None else origin
    if kind in _SEQUENCES:
        of = f' of {_describe(arguments[0])}' if arguments else ''
        return f'a list{of}'
    if kind is collections.abc.Callable:
        return 'a function'
    return _NAMES.get(kind) or f'a {getattr(kind, "__name__", kind)}'


_NAMES = {
    bool: 'True or False',
    int: 'an integer',
    float: 'a finite number',
    str: 'a text',
    dict: 'a dict',
    collections.abc.Mapping: 'a dict',
}


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
