import numpy as np
import pytest

from deeprank_mm.array_file import (
    UnusableFileError,
    begin_arrays,
    finish_arrays,
    map_array,
    next_place,
    read_index,
)

KIND = b'sixteen bytes 01'


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / 'arrays')
    with open(path, 'wb') as file:
        begin_arrays(file, KIND)
        file.seek(next_place(file.tell()))
        place = file.tell()
        file.write(np.arange(6, dtype=np.float32).tobytes())
        finish_arrays(file, KIND, dict(one=('float32', (2, 3), place)))
    return path


def test_arrays_are_where_the_index_says(path):
    dtype, shape, place = read_index(path, KIND)['one']
    assert place % 64 == 0
    array = map_array(path, dtype, shape, place)
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match='read-only'):
        array[0] = 1


@pytest.mark.parametrize('keep', [0, 10, 16, 100, -1])
def test_a_file_that_is_cut_short(path, keep):
    with open(path, 'rb') as file:
        content = file.read()
    with open(path, 'wb') as file:
        file.write(content[:keep])
    with pytest.raises(UnusableFileError):
        read_index(path, KIND)


def test_another_kind_of_file(path):
    with pytest.raises(UnusableFileError, match='another sort'):
        read_index(path, b'sixteen bytes 02')
    with pytest.raises(FileNotFoundError):
        read_index(path + 'x', KIND)


def test_a_changed_index(path):
    with open(path, 'rb') as file:
        content = file.read().replace(b'"one"', b'"two"')
    with open(path, 'wb') as file:
        file.write(content)
    with pytest.raises(UnusableFileError, match='damaged'):
        read_index(path, KIND)
