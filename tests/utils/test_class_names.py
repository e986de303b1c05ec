"""Names of classes, from a file."""

import pytest

from deeprank_mm.utils.class_names import read_names
from deeprank_mm.utils.usage import UsageError


@pytest.fixture
def names(tmp_path):
    path = tmp_path / 'names.txt'
    path.write_text('sit down\nstand up \nwave\n\n', encoding='utf-8')
    return str(path)


def test_names_are_by_class_and_numbers_without_a_file(names):
    assert read_names(names, [2, 0]) == {2: 'wave', 0: 'sit down'}
    assert read_names(names, iter([1])) == {1: 'stand up'}
    assert read_names(names, range(3), all_of_them=True)[1] == 'stand up'
    assert read_names(None, [4]) == {4: 'class 4'}


def test_no_name_is_needed_where_no_label_is_known(tmp_path):
    (tmp_path / 'empty').touch()
    assert read_names(str(tmp_path / 'empty'), []) == {}


def test_a_file_that_does_not_fit_is_named(names, tmp_path):
    with pytest.raises(UsageError, match='3 names, but there is a class 3'):
        read_names(names, [0, 3])
    with pytest.raises(UsageError, match='2 classes: it is of other data'):
        read_names(names, range(2), all_of_them=True)
    with pytest.raises(UsageError, match='no such file'):
        read_names(str(tmp_path / 'absent.txt'), [0])
    (tmp_path / 'holes').write_text('sit\n\nwave\n')
    with pytest.raises(UsageError, match='line 2 is empty'):
        read_names(str(tmp_path / 'holes'), [0])
    (tmp_path / 'bytes').write_bytes(b'\xff\xfe\x80')
    with pytest.raises(UsageError, match='cannot be read as text'):
        read_names(str(tmp_path / 'bytes'), [0])
