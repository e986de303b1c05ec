"""The PKU-MMD converter on made-up files of its format."""

import subprocess
import sys

import numpy as np
import pytest
from mmaction.datasets import PoseDataset

from deeprank_mm.datasets import SkeletonDataset, load_annotations
from tests.raw_files import pku_text, upright
from tests.tool_module import load_tool


@pytest.fixture(scope='module')
def script(repo_root):
    return repo_root / 'tools' / 'data' / 'pku_mmd.py'


@pytest.fixture(scope='module')
def tool(script):
    return load_tool(script)


@pytest.fixture
def write(tmp_path):
    """Write a sequence of part I or II and its labels."""
    for name in ('skeletons', 'labels'):
        (tmp_path / name).mkdir()

    def write(name, rows, seed=0, people=1):
        joints = np.zeros((2, 20, 25, 3), np.float32)
        for person in range(people):
            joints[person] = upright(20, seed + person)
        (tmp_path / 'skeletons' / f'{name}.txt').write_text(pku_text(joints))
        (tmp_path / 'labels' / f'{name}.txt').write_text(rows)
        return joints

    return write


@pytest.fixture
def paths(tmp_path):
    split = tmp_path / 'cross-subject.txt'
    split.write_text(
        'Training videos:\n0002-L, 0002-M\nValidataion videos:\n0291-R\n'
    )
    names = ('skeletons', 'labels', split.name, 'out.pkl')
    return [str(tmp_path / name) for name in names]


@pytest.fixture
def run(tool, tmp_path, paths, capsys):
    """Convert; return the status, what it said, the content."""

    def run(*options, part=1, out=tmp_path / 'out.pkl', workers=0):
        argv = [*paths[:3], str(out), '--part', str(part)]
        argv += ['--workers', str(workers), *options]
        status = tool.main(argv)
        said = capsys.readouterr()
        content = load_annotations(out) if out.exists() else None
        assert (status == 0) == (content is not None)
        assert not list(tmp_path.glob('*.part'))
        return status, said.out + said.err, content

    return run


def test_round_trip(write, run, paths):
    joints = write('0002-L', '8,0,9,2\n1,9,20,1\n', people=2)
    write('0002-M', '8,1,9,2\n')
    write('0291-R', '51,3,19,2\n')
    status, said, content = run('--strict')
    assert status == 0
    assert content['split'] == dict(
        xsub_train=['0002-L_001', '0002-L_002', '0002-M_001'],
        xsub_val=['0291-R_001'],
    )
    assert content['classes'] == list(range(1, 52))
    assert content['interval'] == 'exclusive'
    for fact in (
        'samples    4 (xsub_train 3, xsub_val 1)',
        'subjects   unknown',
        'people     2 sequences of 1, 2 sequences of 2',
        'label rows 4, interval exclusive',
        'problems   0',
        "warning: other conversions of PKU-MMD I have {'xsub_train': 18841",
    ):
        assert fact in said, said
    for kind in (SkeletonDataset, PoseDataset):
        data = kind(paths[-1], [], split='xsub_train', test_mode=True)
        assert len(data) == 3
        assert [data[i]['label'] for i in range(3)] == [7, 0, 7]
        np.testing.assert_array_equal(data[1]['keypoint'], joints[:, 9:])
    data = SkeletonDataset(paths[-1], [], split='xsub_val', num_classes=51)
    assert data[0]['keypoint'].shape == (1, 16, 25, 3)


def test_inclusive(write, run):
    write('0002-L', '8,0,9,2\n')
    _, _, content = run('--interval', 'inclusive')
    assert content['annotations'][0]['total_frames'] == 10
    assert content['interval'] == 'inclusive'


def test_part_2(write, run, paths, tmp_path):
    with open(paths[2], 'w') as file:
        file.write('Training videos:\nA01N01-L\nTesting videos:\nA02N01-L\n')
    ids = sorted(set(range(1, 52)) - {12, 14, 16, 18, 21, 24, 26, 27, 29, 38})
    write('A01N01-L', ''.join(f'{i},0,5,2\n' for i in ids))
    write('A02N01-L', '51,0,5,2\n1,0,5,2\n')
    status, said, content = run(part=2)
    assert status == 0 and content['classes'] == ids
    assert 'class ids occur' not in said
    data = SkeletonDataset(
        paths[-1], [], split='xsub_train', num_classes=41, test_mode=True
    )
    assert data.labels.tolist() == list(range(41))
    val = SkeletonDataset(paths[-1], [], split='xsub_val', test_mode=True)
    assert val.labels.tolist() == [40, 0]
    write('A01N01-L', '50,0,5,2\n')
    status, said, content = run(part=2)
    assert content['classes'] == [1, 50, 51]
    assert 'warning: 3 class ids occur and PKU-MMD II has 41' in said


def test_malformed_rows_are_named(write, run):
    write('0002-L', '8,0,9,2\nbroken\n8,30,40,2\n8,15,25,2\n')
    write('0291-R', '8,0,9,2\n')
    status, said, content = run()
    assert status == 0 and len(content['annotations']) == 3
    assert '0002-L.txt, line 2: expected class,start,end' in said
    assert '0002-L.txt, line 3: frames 30 to 39' in said
    assert '0002-L.txt, line 4: frames 15 to 24' in said
    assert 'problems   4' in said  # these, and 0002-M is not there


def test_malformed_rows_are_an_error_when_strict(write, run):
    write('0002-L', '8,0,9,2\n')
    write('0002-M', '8,0,9,2\n')
    write('0291-R', '8,0,9,2\n8,9,0,2\n')
    status, said, _ = run('--strict')
    assert status == 1
    assert 'error: 1 rows or files are malformed' in said
    assert '0291-R.txt, line 2: frames 9 to 0' in said


def test_one_corrupted_sequence_among_many(write, run, tmp_path):
    for i in range(2, 30):
        write(f'{i:04d}-L', '8,0,9,2\n9,9,12,1\n')
    path = tmp_path / 'skeletons' / '0011-L.txt'
    path.write_text(path.read_text()[:-700])
    status, said, content = run(workers=2)
    assert status == 0 and len(content['annotations']) == 54
    assert '0011-L.txt: line 20: ' in said and 'its 2 clips are left' in said
    assert 'warning: 27 sequences are in neither list' in said
    (tmp_path / 'out.pkl').unlink()
    status, said, _ = run('--strict', workers=2)
    assert status == 1 and '0011-L.txt: line 20: ' in said


def test_same_bytes_whatever_the_number_of_processes(write, run, tmp_path):
    for i in range(2, 40):
        write(f'{i:04d}-L', '8,0,9,2\n9,9,12,1\n', seed=i)
    contents = set()
    for workers in (0, 1, 2, 3):
        out = tmp_path / f'{workers}.pkl'
        assert run(out=out, workers=workers)[0] == 0
        contents.add(out.read_bytes())
    assert len(contents) == 1


def test_unfit_paths(write, run, tmp_path, paths):
    status, said, _ = run()
    assert status == 1 and 'no .txt file' in said
    write('0002-L', '8,0,9,2\n')
    status, said, _ = run(out=tmp_path / 'out.json')
    assert status == 1 and '.pkl' in said
    status, said, _ = run(part=2)
    assert status == 1 and 'PKU-MMD II' in said


def test_as_a_command(script, write, paths):
    write('0002-L', '8,0,9,2\n')
    write('0291-R', '8,0,9,2\n')
    command = [sys.executable, str(script), *paths, '--part', '1']
    done = subprocess.run(
        [*command, '--workers', '2'], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert 'PKU-MMD I' in done.stdout and '100%' in done.stdout
    assert len(load_annotations(paths[-1])['annotations']) == 2


def test_help(tool, capsys):
    with pytest.raises(SystemExit) as info:
        tool.main(['--help'])
    assert info.value.code == 0
    said = capsys.readouterr().out
    for word in ('--strict', '--interval', '--workers', 'classes'):
        assert word in said
