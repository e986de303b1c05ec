"""Lists of ids, written and read again."""

import pytest

from deeprank_mm.datasets import ids_digest, read_ids, write_ids

IDS = ['b', 'a c', 'S001C001P001R001A001']


def test_written_and_read_again(tmp_path):
    path = str(tmp_path / 'new' / 'ids.txt')
    write_ids(path, IDS, dict(fraction=0.1, seed=3))
    assert read_ids(path) == IDS
    lines = open(path).read().splitlines()
    assert lines[:2] == ['# fraction: 0.1', '# seed: 3']
    assert lines[2] == f'# sha256: {ids_digest(IDS)}'
    assert lines[3:] == IDS


def test_the_digest_names_the_set_and_not_its_order():
    assert ids_digest(IDS) == ids_digest(IDS[::-1])
    assert ids_digest(IDS) != ids_digest(IDS[:2])
    assert ids_digest(['ab']) != ids_digest(['a', 'b'])


def test_a_plain_list_will_do(tmp_path):
    path = tmp_path / 'ids.txt'
    path.write_bytes(b'one\r\n\r\n# two\r\nthree\r\n')
    assert read_ids(str(path)) == ['one', 'three']


@pytest.mark.parametrize(
    'content, match',
    [
        (b'', 'no sample ids'),
        (b'# a\n', 'no sample ids'),
        (b'a\nb\na\n', "'a' more than once"),
        (b'\xff\xfe\x00', 'not a text file'),
        (b'# sha256: 00\na\n', 'was changed after'),
    ],
)
def test_what_cannot_be_a_subset(tmp_path, content, match):
    path = tmp_path / 'ids.txt'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f'ids.txt.*{match}'):
        read_ids(str(path))


@pytest.mark.parametrize('name', ['', ' a', 'a\nb', '#a'])
def test_ids_that_could_not_be_read_again(tmp_path, name):
    path = tmp_path / 'ids.txt'
    with pytest.raises(ValueError, match='the sample id'):
        write_ids(str(path), ['fine', name], {})
    assert not path.exists()
