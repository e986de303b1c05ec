"""The converter of one's own keypoints."""

import pickle
import re

import numpy as np
import pytest

from deeprank_mm.datasets import SkeletonDataset, load_annotations
from tests.tool_module import load_tool


@pytest.fixture(scope='module')
def tool(repo_root):
    return load_tool(repo_root / 'tools' / 'data' / 'keypoints.py')


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'recordings'
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, shape in (
        ('anna', (6, 5, 3)),
        ('ben', (2, 4, 5, 3)),
        ('carl', (1, 5, 3)),
    ):
        np.save(folder / f'{name}.npy', rng.normal(size=shape))
    return folder


@pytest.fixture
def run(tool, folder, capsys):
    def run(*options, table=None):
        out = folder.parent / 'out.pkl'
        options = list(options)
        if table is not None:
            path = folder / 'table.csv'
            path.write_text(table)
            options += ['--table', str(path)]
        status = tool.main([str(folder), str(out), *options])
        said = capsys.readouterr()
        assert (status == 0) == out.is_file()
        return status, said.out + said.err, out

    return run


TABLE = """file,label,subject,split,room
anna.npy,wave,anna,train labelled,1
ben.npy,,ben,train,2
carl.npy,clap,carl,val,1
"""


def test_the_data_set_reads_what_the_table_says(folder, run):
    status, said, out = run(table=TABLE)
    assert status == 0
    assert 'label 0    clap' in said and 'label 1    wave' in said
    assert 'unlabelled 1' in said
    content = load_annotations(out)
    assert content['classes'] == ['clap', 'wave']
    assert content['split'] == dict(
        train=['anna', 'ben'], labelled=['anna'], val=['carl']
    )
    items = {i['frame_dir']: i for i in content['annotations']}
    assert [items[k].get('label') for k in items] == [1, None, 0]
    assert items['ben']['subject'] == 'ben' and items['ben']['room'] == '2'
    for name, item in items.items():
        given = np.load(folder / f'{name}.npy')
        given = given[None] if given.ndim == 3 else given
        np.testing.assert_array_equal(
            item['keypoint'], given.astype(np.float32)
        )
    train = SkeletonDataset(str(out), [], split='train')
    assert [s['total_frames'] for s in train] == [6, 4]
    held_out = SkeletonDataset(
        str(out), [], split='train', holdout=dict(part='train', fraction=0.5)
    )
    assert len(held_out) == 1


def test_an_empty_cell_is_unknown(run):
    """And no person of that name, whom a holdout would keep together."""
    status, said, out = run(table=TABLE.replace('ben,train,2', ',train,'))
    assert status == 0 and 'subjects   2' in said
    items = {i['frame_dir']: i for i in load_annotations(out)['annotations']}
    assert not {'subject', 'room'} & items['ben'].keys()
    with pytest.raises(ValueError, match="'ben'.*has no subject"):
        SkeletonDataset(
            str(out), [], 'train', holdout=dict(part='train', fraction=0.5)
        )


def test_without_a_table_everything_trains(run):
    status, _, out = run()
    assert status == 0
    assert load_annotations(out)['split'] == dict(
        train=['anna', 'ben', 'carl']
    )


def test_scores_are_no_coordinates(folder, run):
    for path in folder.glob('*.npy'):
        array = np.abs(np.load(path))
        np.save(path, array)
    status, _, out = run('--scores')
    assert status == 0
    item = load_annotations(out)['annotations'][0]
    given = np.load(folder / 'anna.npy').astype(np.float32)
    np.testing.assert_array_equal(item['keypoint'], given[None, ..., :2])
    np.testing.assert_array_equal(item['keypoint_score'], given[None, ..., 2])


def test_the_same_input_gives_the_same_bytes(run):
    _, _, out = run(table=TABLE)
    first = out.read_bytes()
    out.unlink()
    run(table=TABLE)
    assert out.read_bytes() == first


class Evil:
    def __reduce__(self):
        return print, ('run',)


@pytest.mark.parametrize(
    'spoil, message',
    [
        (lambda p: np.save(p, np.zeros((4, 5))), r'shape \(4, 5\)'),
        (lambda p: np.save(p, np.zeros((0, 5, 3))), r'shape \(1, 0, 5, 3\)'),
        (lambda p: np.save(p, np.zeros((4, 5, 4))), 'a C of 2 or 3'),
        (lambda p: np.save(p, np.full((4, 5, 3), np.nan)), 'NaN or infinite'),
        (lambda p: np.save(p, np.full((4, 5, 3), 1e300)), 'NaN or infinite'),
        (lambda p: np.save(p, np.array(['a'])), 'not an array of numbers'),
        (lambda p: np.save(p, np.ones((4, 7, 3))), r'\(7, 3\) anna'),
        (lambda p: p.write_bytes(b''), 'anna.npy'),
        (lambda p: p.write_bytes(p.read_bytes()[:90]), 'anna.npy'),
        (lambda p: p.write_bytes(pickle.dumps(Evil())), 'anna.npy'),
        (lambda p: np.save(p, np.array([Evil()])), 'anna.npy'),
        (lambda p: p.unlink(), 'the folder lacks, of the table, anna.npy'),
    ],
)
def test_a_malformed_sequence_is_named(folder, run, spoil, message):
    spoil(folder / 'anna.npy')
    status, said, _ = run(table=TABLE)
    assert status == 1
    assert re.search(message, said)


@pytest.mark.parametrize(
    'table, message',
    [
        ('', 'needs a header'),
        ('name,label\nanna.npy,1\n', 'needs a header'),
        (TABLE + 'anna.npy,1,2,3,4\n', 'names anna.npy twice'),
        (TABLE + 'dora.npy,1\n', 'line 5'),
        (TABLE + 'dora.npy,1,2,3,4,5\n', 'line 5'),
        ('file\nanna.npy\nben.npy\n', 'the table lacks carl.npy'),
    ],
)
def test_a_malformed_table_is_explained(run, table, message):
    status, said, _ = run(table=table)
    assert status == 1
    assert message in said


def test_an_empty_folder_is_explained(tool, tmp_path, capsys):
    assert tool.main([str(tmp_path), str(tmp_path / 'out.pkl')]) == 1
    assert 'there is no .npy file' in capsys.readouterr().err
