"""Annotation pickles are read, and nothing in them is run."""

import io
import os
import pickle
import struct
from collections import OrderedDict, defaultdict

import numpy as np
import pytest

from deeprank_mm.datasets.safe_pickle import (
    UnsafeAnnotationError,
    load_annotations,
)


def dump(tmp_path, content, protocol=4):
    path = tmp_path / 'file.pkl'
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def raw(tmp_path, content):
    path = tmp_path / 'file.pkl'
    path.write_bytes(content)
    return path


def same(a, b):
    if isinstance(a, np.ndarray):
        assert type(b) is np.ndarray
        assert a.dtype == b.dtype and a.shape == b.shape
        assert b.flags.c_contiguous or b.flags.f_contiguous
        if a.dtype == object:
            for x, y in zip(a.flat, b.flat):
                same(x, y)
        else:
            np.testing.assert_array_equal(a, b)
    elif isinstance(a, dict):
        assert type(a) is type(b) and list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    else:
        assert type(a) is type(b) and a == b


CONTENT = dict(
    split=OrderedDict(train=['a', 'b'], val=('c',)),
    annotations=[
        dict(
            frame_dir='a',
            label=np.int64(3),
            keypoint=np.arange(24, dtype=np.float16).reshape(1, 2, 4, 3),
            valid={np.float32(0.5): 3, 0.6: np.float64(2)},
            box_score=np.asfortranarray(np.ones((2, 3))),
            flags=np.array([True, False]),
            ids=np.array(['x', 'yy']),
            raw=np.array([b'x', b'yy']),
            refs=np.array(['x', None, np.zeros(2)], dtype=object),
            big=np.arange(3, dtype='>i4'),
            none=np.zeros((0, 3)),
            scalar=np.array(1.5),
            text=np.str_('text'),
            dtype=np.dtype('f4'),
            more=({1}, frozenset('a'), b'bytes', None, 2.5, 'é'),
        )
    ],
)


@pytest.mark.parametrize('protocol', range(2, 6))
def test_plain_content(tmp_path, protocol):
    path = dump(tmp_path, CONTENT, protocol)
    # Not CONTENT itself: NumPy swaps foreign byte orders when it reads.
    same(pickle.loads(path.read_bytes()), load_annotations(path))


@pytest.mark.parametrize('protocol', range(2, 6))
def test_numpy_1_names(tmp_path, protocol):
    content = pickle.dumps(np.arange(3.0), protocol=protocol)
    old, new = b'numpy.core.', b'numpy._core.'
    if protocol >= 4:  # the length of the text comes before it
        for name in (b'multiarray', b'numeric'):
            for a, b in ((old, new), (new, old)):
                if a + name in content:
                    content = content.replace(
                        bytes([len(a + name)]) + a + name,
                        bytes([len(b + name)]) + b + name,
                    )
                    break
        # The frame's length is now wrong by one: do without frames.
        content = content[:2] + content[11:]
    else:
        content = (
            content.replace(new, old)
            if new in content
            else content.replace(old, new)
        )
    loaded = load_annotations(raw(tmp_path, content))
    np.testing.assert_array_equal(loaded, np.arange(3.0))


def test_arrays_can_be_changed_and_shared_ones_stay_shared(tmp_path):
    array = np.zeros(3, np.float32)
    inner = [array]
    first, second, third = load_annotations(
        dump(tmp_path, [array, inner, inner])
    )
    first += 1
    assert second is third
    assert second[0] is first


def test_list_that_holds_itself(tmp_path):
    content = [np.zeros(2)]
    content.append(content)
    loaded = load_annotations(dump(tmp_path, content))
    assert loaded[1] is loaded and type(loaded[0]) is np.ndarray


class Hostile:
    """Writes a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (f'touch {self.path}',))


@pytest.mark.parametrize('protocol', range(0, 6))
@pytest.mark.parametrize(
    'wrap',
    [
        lambda x: x,
        lambda x: dict(annotations=[dict(keypoint=x)]),
        lambda x: np.array([x, None], dtype=object),
        lambda x: OrderedDict(a=(x,)),
    ],
)
def test_hostile_pickle_does_not_run(tmp_path, protocol, wrap):
    trace = tmp_path / 'trace'
    path = dump(tmp_path, wrap(Hostile(trace)), protocol)
    with pytest.raises(pickle.UnpicklingError) as info:
        load_annotations(path)
    assert not trace.exists()
    message = str(info.value)
    assert str(path) in message and 'trusted=True' in message
    assert 'system' in message
    # It is a real one: the named switch lets it run.
    load_annotations(path, trusted=True)
    assert trace.exists()


@pytest.mark.parametrize(
    'name',
    [
        'builtins eval',
        'builtins getattr',
        'builtins __import__',
        'posix system',
        'numpy load',
        'numpy.testing measure',
        'copyreg _reconstructor',
        'collections defaultdict',
        'operator attrgetter',
        'numpy.core.multiarray fromfile',
        'collections OrderedDict.fromkeys',
    ],
)
def test_every_other_global_is_refused(tmp_path, name):
    module, attribute = name.split()
    content = f'c{module}\n{attribute}\n.'.encode()
    with pytest.raises(UnsafeAnnotationError, match='trusted=True') as info:
        load_annotations(raw(tmp_path, content))
    assert f'{module}.{attribute}' in str(info.value)


def test_defaultdict_needs_trust(tmp_path):
    path = dump(tmp_path, defaultdict(list, a=[1]))
    with pytest.raises(UnsafeAnnotationError, match='defaultdict'):
        load_annotations(path)
    assert load_annotations(path, trusted=True) == dict(a=[1])


def forged(code, state, data, function='_reconstruct'):
    """A pickle that builds an array (or scalar) from chosen parts."""

    class Dtype:
        def __reduce__(self):
            return np.dtype, (code, False, True), state

    class Array:
        def __reduce__(self):
            module = np.zeros(1).__reduce__()[0].__module__
            if function == 'scalar':
                return np.float32(1).__reduce__()[0], (Dtype(), data)
            if function == '_frombuffer':
                from_buffer = np.zeros(1).__reduce_ex__(5)[0]
                return from_buffer, (data, Dtype(), (1,), 'C')
            if function == 'ndarray':
                return np.ndarray, ((1,), Dtype(), data)
            assert module
            return (
                np.zeros(1).__reduce__()[0],
                (np.ndarray, (0,), b'b'),
                (1, (1,), Dtype(), False, data),
            )

    return pickle.dumps(Array(), protocol=4)


PLAIN = (3, '<', None, None, None, -1, -1, 0)
REFERENCE = (3, '|', None, None, None, -1, -1, 63)
POINTER = struct.pack('<Q', 0x4141414141414141)


@pytest.mark.parametrize(
    'content',
    [
        # Raw bytes where references belong: NumPy would follow them.
        forged('O8', REFERENCE, POINTER),
        forged('O8', REFERENCE, POINTER, 'scalar'),
        forged('O8', REFERENCE, POINTER, '_frombuffer'),
        forged('O8', REFERENCE, POINTER, 'ndarray'),
        # References hidden in a structured type.
        forged(
            'V8',
            (3, '|', None, ('a',), {'a': (np.dtype('O'), 0)}, 8, 1, 0),
            POINTER,
        ),
        forged('V8', PLAIN, POINTER),
        forged('f8', (3, '<', (np.dtype('O'), (1,)), *PLAIN[3:]), POINTER),
        forged('f8', PLAIN, POINTER, 'ndarray'),
        # More or less data than the shape says.
        forged('f8', PLAIN, POINTER + POINTER),
        forged('f8', PLAIN, b''),
        forged('f8', PLAIN, b'', 'scalar'),
        forged('f8', PLAIN, [1.0]),
        forged('M8[s]', PLAIN, POINTER),
        forged('f8', (3, '?', *PLAIN[2:]), POINTER),
    ],
)
def test_forged_arrays_are_refused(tmp_path, content):
    with pytest.raises(UnsafeAnnotationError):
        load_annotations(raw(tmp_path, content))


def test_forged_flags_are_not_believed(tmp_path):
    before = np.dtype('f8').flags
    content = forged('f8', (*PLAIN[:7], 63), POINTER)
    array = load_annotations(raw(tmp_path, content))
    assert not array.dtype.hasobject and array.dtype.flags == before
    assert np.dtype('f8').flags == before


def test_a_stand_in_can_neither_be_changed_nor_returned(tmp_path):
    # BUILD with a dict sets attributes on what the file names.
    build = b'cnumpy\ndtype\n}(S"x"\nI1\nub.'
    for content in (build, b'cnumpy\ndtype\n.', b'(lcnumpy\ndtype\na.'):
        with pytest.raises(UnsafeAnnotationError):
            load_annotations(raw(tmp_path, content))


def test_text_is_encoded_as_latin1_only(tmp_path):
    good = b'c_codecs\nencode\n(V\xe9\nVlatin1\ntR.'
    assert load_annotations(raw(tmp_path, good)) == b'\xe9'
    bad = b'c_codecs\nencode\n(V\xe9\nVutf8\ntR.'
    with pytest.raises(UnsafeAnnotationError, match='utf8'):
        load_annotations(raw(tmp_path, bad))


def test_empty_bytes_only(tmp_path):
    assert load_annotations(raw(tmp_path, b'cbuiltins\nbytes\n(tR.')) == b''
    with pytest.raises(UnsafeAnnotationError):
        load_annotations(raw(tmp_path, b'cbuiltins\nbytes\n(I9\ntR.'))


def test_external_objects_are_refused(tmp_path):
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=4)
    pickler.persistent_id = lambda item: 'id' if item == 'outside' else None
    pickler.dump(['outside'])
    with pytest.raises(UnsafeAnnotationError, match='external'):
        load_annotations(raw(tmp_path, file.getvalue()))


@pytest.mark.parametrize('trusted', [False, True])
@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'not a pickle',
        b'{"annotations": []}',
        pickle.dumps(CONTENT)[:-40],
        pickle.dumps([1, 2])[:-1],
        # more bytes than any memory has
        b'\x80\x05\x96' + (2**62).to_bytes(8, 'little') + b'few.',
        b'\x80\x04\x8e' + (2**62).to_bytes(8, 'little') + b'few.',
    ],
)
def test_damaged_file(tmp_path, content, trusted):
    path = raw(tmp_path, content)
    with pytest.raises(UnsafeAnnotationError, match='damaged') as info:
        load_annotations(path, trusted=trusted)
    assert str(path) in str(info.value)


@pytest.mark.parametrize('trusted', [False, True])
def test_missing_file(tmp_path, trusted):
    path = tmp_path / 'nothing.pkl'
    with pytest.raises(FileNotFoundError, match='tools/data') as info:
        load_annotations(path, trusted=trusted)
    assert str(path) in str(info.value)
