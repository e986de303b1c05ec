"""Reading annotation pickles without running what is in them.

Unpickling calls whatever the file names. Annotation files are downloaded
and passed around, and need no more than plain containers, numbers, strings
and NumPy arrays; so only these are admitted.

Admitting NumPy's own reconstruction functions would not be enough: a forged
``dtype`` state can make NumPy read raw bytes as object pointers. While the
file is read, arrays and dtypes are therefore inert records
(:class:`_ArrayRecord`, :class:`_DtypeRecord`), which are checked and turned
into real arrays afterwards.
"""

import pickle
import re
from collections import OrderedDict
from typing import Any, Callable, Optional

import numpy as np
from mmengine import fileio

__all__ = ['UnsafeAnnotationError', 'load_annotations']

# Booleans, integers, floats, complex numbers, bytes, text and references.
# No datetimes, no structured types: annotations have none.
_DTYPE_CODE = re.compile(
    r'(?:b1|[iu][1248]|f(?:2|4|8|16)|c(?:8|16|32)|'
    r'[SU]\d{1,9}|O[48]?)'
)


class UnsafeAnnotationError(pickle.UnpicklingError):
    """An annotation file that is damaged or holds more than plain data.

    Attributes:
        refused (str, optional): What the file asks for, by its dotted name,
            such as ``'posix.system'``; None if the file is damaged.
    """

    refused: Optional[str] = None


def load_annotations(path: str, trusted: bool = False) -> Any:
    """Load an annotation pickle that holds arrays and plain containers.

    Args:
        path (str): The file, local or on any of mmengine's file backends.
        trusted (bool): Unpickle without restrictions, which runs any code
            the file holds. Only for files of your own. Defaults to False.

    Returns:
        Any: The content. Objects among ``None``, bool, int, float, str,
        bytes, list, tuple, dict, ``OrderedDict``, set, frozenset, NumPy
        scalars and arrays (of these, object arrays included).

    Raises:
        FileNotFoundError: There is no such file.
        UnsafeAnnotationError: The file is not a pickle, is cut short, or
            holds something else than the above. A subclass of
            ``pickle.UnpicklingError``.
    """
    path = str(path)
    if not fileio.exists(path):
        raise FileNotFoundError(
            f'annotation file {path} does not exist; convert raw data with '
            'the scripts in tools/data, or download a skeleton file that '
            'MMAction2 provides (such as ntu60_3d.pkl, see its '
            'tools/data/skeleton/README.md), and set ann_file to it'
        )
    with fileio.get_local_path(path) as local, open(local, 'rb') as file:
        try:
            if trusted:
                return pickle.load(file)
            return _to_plain(_PlainUnpickler(file).load(), {})
        except _RefusedGlobal as error:
            refusal = UnsafeAnnotationError(
                f'annotation file {path} asks for {error}, which is neither '
                'a plain container nor a NumPy array, and was not loaded; '
                'if the file is your own, load it with trusted=True, which '
                'runs any code in it'
            )
            refusal.refused = str(error)
            raise refusal from None
        except Exception as error:  # unpickling bad bytes raises many types
            reason = f'{type(error).__name__}: {error}'.rstrip(': ')
            raise UnsafeAnnotationError(
                f'annotation file {path} is not a readable pickle of plain '
                f'data ({reason}); it may be damaged or cut short: fetch or '
                'convert it again'
            ) from error


class _RefusedGlobal(Exception):
    """Carries the dotted name of a global that is not admitted."""


class _PlainUnpickler(pickle.Unpickler):
    """Admits the globals of :data:`_ADMITTED` and no other."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of an admitted global."""
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise _RefusedGlobal(f'{module}.{name}') from None

    def persistent_load(self, pid: Any) -> Any:
        """References to outside the file have no meaning here."""
        raise _RefusedGlobal(f'the external object {pid!r}')


class _StandIn:
    """A callable a pickle can call but not change.

    A plain function would not do: a pickle's BUILD instruction sets
    attributes on whatever it is given.
    """

    __slots__ = ('_call',)
    __hash__ = None  # so that none hides in a set or among keys

    def __init__(self, call: Callable) -> None:
        self._call = call

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError('state for a function')


class _DtypeRecord:
    """What a pickle says of a dtype."""

    __slots__ = ('code', 'order')
    __hash__ = None  # it could not be replaced as the key of a dict

    def __init__(self, code: Any, *_: Any) -> None:
        if not isinstance(code, str) or not _DTYPE_CODE.fullmatch(code):
            raise pickle.UnpicklingError(f'array of unsupported type {code!r}')
        self.code = code
        self.order = '='

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, subarray, names, fields, size, ...): the
        # code already tells the size, and flags are not to be believed.
        _, order, subarray, names, fields = state[:5]
        if (subarray, names, fields) != (None, None, None):
            raise pickle.UnpicklingError('array of a structured type')
        if order not in ('<', '>', '=', '|'):
            raise pickle.UnpicklingError(f'array of byte order {order!r}')
        self.order = order

    def dtype(self) -> np.dtype:
        return np.dtype(self.code).newbyteorder(self.order)


class _ArrayRecord:
    """What a pickle says of an array."""

    __slots__ = ('state',)
    __hash__ = None

    def __init__(self, *_: Any) -> None:
        self.state = None

    def __setstate__(self, state: Any) -> None:
        # Old pickles have no version in front.
        self.state = state[-4:]

    def array(self, memo: dict[int, tuple[Any, Any]]) -> np.ndarray:
        if self.state is None:
            raise pickle.UnpicklingError('array without content')
        shape, record, fortran, data = self.state
        dtype = _resolve(record)
        if dtype.hasobject:
            if not isinstance(data, list):
                raise pickle.UnpicklingError('object array from raw bytes')
            data = _to_plain(data, memo)
        elif not isinstance(data, bytes):
            raise pickle.UnpicklingError(
                'array from something else than bytes'
            )
        array = np.empty(0, dtype)
        # NumPy's own reader, now that the dtype is known to be sound; it
        # checks the shape against the amount of data.
        array.__setstate__((1, shape, dtype, bool(fortran), data))
        self.state = None  # a large file is not to be held twice
        return array


def _resolve(record: Any) -> np.dtype:
    if not isinstance(record, _DtypeRecord):
        raise pickle.UnpicklingError('array without a type')
    return record.dtype()


def _refuse_call(*_: Any) -> None:
    raise pickle.UnpicklingError('direct construction of an array')


def _scalar(record: _DtypeRecord, data: Any = b'') -> Any:
    """NumPy's ``scalar`` for types without references."""
    dtype = _resolve(record)
    if dtype.hasobject or not isinstance(data, bytes):
        raise pickle.UnpicklingError('scalar that is not made of bytes')
    return np.ndarray((), dtype, buffer=data)[()]


def _frombuffer(
    data: Any, record: _DtypeRecord, shape: Any, order: Any
) -> np.ndarray:
    """NumPy's ``_frombuffer``, of protocol 5; NumPy refuses references."""
    if not isinstance(data, (bytes, bytearray)):
        raise pickle.UnpicklingError('array from something else than bytes')
    return np.frombuffer(data, _resolve(record)).reshape(shape, order=order)


def _encode(text: Any, encoding: Any = 'latin1') -> bytes:
    """How Python 3 writes bytes in the old protocols 0 to 2."""
    if encoding not in ('latin1', 'latin-1'):
        raise pickle.UnpicklingError(f'text in encoding {encoding!r}')
    return text.encode('latin1')


def _to_plain(value: Any, memo: dict[int, tuple[Any, Any]]) -> Any:
    """Replace the records in nested containers by what they stand for.

    Lists and dicts are changed in place, so that shared and cyclic ones stay
    so. ``memo`` maps the id of each object seen to the object, which keeps
    the id from being used again, and its replacement.
    """
    kind = type(value)
    if kind not in _COMPOUND:
        return value
    if id(value) in memo:
        return memo[id(value)][1]
    if kind is _ArrayRecord:
        result = value.array(memo)
    elif kind is _DtypeRecord:
        result = value.dtype()
    elif kind is tuple:
        result = tuple(_to_plain(item, memo) for item in value)
    else:
        result = value
    memo[id(value)] = (value, result)
    if kind is list:
        value[:] = [_to_plain(item, memo) for item in value]
    elif kind is dict or kind is OrderedDict:
        for key in value:
            value[key] = _to_plain(value[key], memo)
    elif kind is _StandIn:
        raise pickle.UnpicklingError('a function as a value')
    return result


_COMPOUND = frozenset(
    (list, dict, OrderedDict, tuple, _ArrayRecord, _DtypeRecord, _StandIn)
)

_ADMITTED: dict[tuple[str, str], Any] = {
    ('collections', 'OrderedDict'): OrderedDict,
    ('builtins', 'bytes'): _StandIn(lambda: b''),  # with arguments: refused
    ('builtins', 'set'): set,
    ('builtins', 'frozenset'): frozenset,
    # The names of Python 2, which protocols 0 to 2 use.
    ('__builtin__', 'bytes'): _StandIn(lambda: b''),
    ('__builtin__', 'set'): set,
    ('__builtin__', 'frozenset'): frozenset,
    ('_codecs', 'encode'): _StandIn(_encode),
    ('numpy', 'ndarray'): _StandIn(_refuse_call),
    ('numpy', 'dtype'): _StandIn(_DtypeRecord),
}
for _package in ('numpy.core', 'numpy._core'):  # NumPy 1 and NumPy 2
    _ADMITTED[_package + '.multiarray', '_reconstruct'] = _StandIn(
        _ArrayRecord
    )
    _ADMITTED[_package + '.multiarray', 'scalar'] = _StandIn(_scalar)
    _ADMITTED[_package + '.numeric', '_frombuffer'] = _StandIn(_frombuffer)
