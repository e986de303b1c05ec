import errno
import os

import pytest

from deeprank_mm.atomic import atomic_write, remove_partial


def write(path, content):
    with atomic_write(str(path)) as file:
        file.write(content)


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / 'new' / 'x'
    with atomic_write(str(path)) as file:
        file.write(b'one')
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b'one'
    assert os.listdir(path.parent) == ['x']


@pytest.mark.parametrize('error', [KeyboardInterrupt(), ValueError()])
def test_the_old_content_stays_if_writing_fails(tmp_path, error):
    path = tmp_path / 'x'
    write(path, b'old')
    with pytest.raises(type(error)), atomic_write(str(path)) as file:
        file.write(b'ne')
        raise error
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['x']


def test_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / 'x'
    with pytest.raises(OSError, match=r"No space left.*/x'"):
        with atomic_write(str(path)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_content_reaches_the_disk_before_the_name_does(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, 'fsync', lambda fd: (done.append('flush'), fsync(fd))
    )
    monkeypatch.setattr(
        os, 'replace', lambda *a: (done.append('name'), replace(*a))
    )
    write(tmp_path / 'x', b'content')
    assert done[:2] == ['flush', 'name']


def test_leftovers_and_nothing_else_are_removed(tmp_path):
    for name in ('a.pth', 'a.pth.partial', 'partial'):
        (tmp_path / name).touch()
    (tmp_path / 'below').mkdir()
    (tmp_path / 'below' / 'b.partial').touch()
    remove_partial(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ['a.pth', 'below', 'partial']
    assert os.listdir(tmp_path / 'below') == ['b.partial']
    remove_partial(str(tmp_path / 'nowhere'))
