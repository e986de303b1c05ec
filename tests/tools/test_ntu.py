"""The NTU RGB+D converter on made-up files of its format."""

import subprocess
import sys

import numpy as np
import pytest
from mmaction.datasets import PoseDataset

from deeprank_mm.datasets import SkeletonDataset, load_annotations
from tests.raw_files import IDS, recording, skeleton_text, upright
from tests.tool_module import load_tool

A, B, C = IDS


@pytest.fixture(scope='module')
def script(repo_root):
    return repo_root / 'tools' / 'data' / 'ntu.py'


@pytest.fixture(scope='module')
def tool(script):
    return load_tool(script)


@pytest.fixture
def run(tool, tmp_path, capsys):
    """Convert tmp_path/in; return the status, what it said, the content."""

    def run(*options, out=tmp_path / 'out.pkl', dataset='ntu60', workers=0):
        argv = [str(tmp_path / 'in'), str(out), '--dataset', dataset]
        argv += ['--workers', str(workers), *map(str, options)]
        status = tool.main(argv)
        said = capsys.readouterr()
        content = load_annotations(out) if out.exists() else None
        assert (status == 0) == (content is not None)
        assert not list(tmp_path.glob('*.part'))
        return status, said.out + said.err, content

    return run


@pytest.fixture
def write(tmp_path):
    folder = tmp_path / 'in'
    folder.mkdir()

    def write(name, text=None, seed=0):
        if text is None:
            text = skeleton_text(recording((A, 0, upright(13, seed))))
        (folder / f'{name}.skeleton').write_text(text)

    return write


def test_round_trip(write, run, tmp_path):
    a, b = upright(20, 1, sway=0.3), upright(15, 2)
    two = recording((A, 2, a), (B, 4, b), frames=25)
    write('S001C002P003R001A050', skeleton_text(two, end='\n'))
    write('S002C001P001R002A001', seed=3)
    write('S017C003P040R001A060')
    status, said, content = run()
    assert status == 0
    assert content['split'] == dict(
        xsub_train=['S002C001P001R002A001'],
        xsub_val=['S001C002P003R001A050', 'S017C003P040R001A060'],
        xview_train=['S001C002P003R001A050', 'S017C003P040R001A060'],
        xview_val=['S002C001P001R002A001'],
    )
    for fact in (
        'samples    3 (xsub_train 1, xsub_val 2, xview_train 2, xview_val 1)',
        'subjects   3',
        'people     2 sequences of 1, 1 sequences of 2',
        'nobody in  5 frames of 1 sequences, left out',
        'all zero   0 joints',
        'skipped    0 of 3',
        'warning: NTU RGB+D 60 has xsub_train 40091',
        'give their list with --missing',
    ):
        assert fact in said, said
    path = str(tmp_path / 'out.pkl')
    for kind in (SkeletonDataset, PoseDataset):
        data = kind(path, [], split='xview_train', test_mode=True)
        assert len(data) == 2
        item = data[0]
        assert item['label'] == 49 and item['total_frames'] == 20
        assert item['keypoint'].shape == (2, 20, 25, 3)
        np.testing.assert_array_equal(item['keypoint'][0], a)
        np.testing.assert_array_equal(item['keypoint'][1, 2:17], b)
    part = dict(part='holdout', fraction=0.5)
    data = SkeletonDataset(path, [], split='xsub_val', holdout=part)
    assert len(data) == 1


def test_pipeline_takes_both_numbers_of_people(write, run, tmp_path):
    write('S001C002P003R001A050')
    two = recording((A, 0, upright(20)), (B, 0, upright(20, 1)))
    write('S001C002P003R002A050', skeleton_text(two))
    run()
    pipeline = [
        dict(type='mmaction.CentreSkeleton', joint=1),
        dict(type='mmaction.TemporalCropResize', length=16, crop=0.95),
        dict(type='mmaction.GenerateModalities', layout='nturgb+d'),
        dict(type='mmaction.FormatGCNInput', num_person=2),
        dict(type='mmaction.PackActionInputs', meta_keys=('sample_id',)),
    ]
    path = str(tmp_path / 'out.pkl')
    data = SkeletonDataset(path, pipeline, split='xsub_val', test_mode=True)
    shapes = {tuple(item['inputs'].shape[:4]) for item in data}
    assert shapes == {(1, 2, 16, 25)}


@pytest.mark.parametrize('workers', [0, 2])
def test_one_corrupted_file_among_many(write, run, workers):
    names = [
        f'S001C001P001R{r:03d}A{a:03d}' for r in (1, 2) for a in range(1, 26)
    ]
    for name in names:
        write(name)
    bad = names.pop(17)
    write(bad, skeleton_text(recording((A, 0, upright(13))))[:9000])
    status, said, content = run(workers=workers)
    assert status == 0
    assert [item['frame_dir'] for item in content['annotations']] == names
    assert f'warning: skipped {bad}.skeleton: the file ends in frame' in said
    assert 'warning: 1 of 50 files are malformed' in said
    assert 'skipped    1 of 50' in said


def test_one_corrupted_file_is_an_error_when_strict(write, run):
    write('S001C001P001R001A001')
    write('S001C001P001R001A002', '')
    status, said, _ = run('--strict')
    assert status == 1
    assert 'error: 1 of 2' in said
    assert 'S001C001P001R001A002.skeleton: the file is empty' in said


def test_another_joint_count_is_refused_by_name(write, run):
    write('S001C001P001R001A001')
    other = skeleton_text(recording((A, 0, upright(13))), joints=20)
    write('S001C001P001R001A002', other)
    status, said, content = run()
    assert status == 0 and len(content['annotations']) == 1
    assert 'S001C001P001R001A002.skeleton: line 4: a body of 20' in said


def test_nothing_but_corrupted_files(write, run):
    write('S001C001P001R001A001', 'x')
    write('S001C001P001R001A002', '1\n0\n')
    status, said, _ = run()
    assert status == 1 and '2 of 2' in said and 'nobody' in said


def test_a_part_is_an_error_when_strict(write, run):
    write('S001C001P001R001A001')
    status, said, _ = run('--strict')
    assert status == 1 and '--strict' in said and '--missing' in said


def test_missing_list(write, run, tmp_path):
    write('S001C002P005R002A008', '1\n0\n')
    write('S001C002P005R002A009')
    path = tmp_path / 'missing.txt'
    path.write_text('302 samples\n\nS001C002P005R002A008\n')
    status, said, content = run('--missing', path)
    assert status == 0 and len(content['annotations']) == 1
    assert '1 files are among the 1 of the list' in said
    assert 'skipped    0 of 1' in said
    (tmp_path / 'out.pkl').unlink()
    path.write_text('')
    status, said, _ = run('--missing', path)
    assert status == 1 and 'names no recording' in said


def test_ntu120(write, run):
    write('S001C001P001R001A001')
    write('S018C001P106R001A120')
    status, _, content = run(dataset='ntu120')
    assert status == 0
    assert content['split'] == dict(
        xsub_train=['S001C001P001R001A001'],
        xsub_val=['S018C001P106R001A120'],
        xset_train=['S018C001P106R001A120'],
        xset_val=['S001C001P001R001A001'],
    )
    assert [item['label'] for item in content['annotations']] == [0, 119]


def test_ntu60_of_a_folder_of_both(write, run):
    write('S001C001P001R001A001')
    write('S018C001P106R001A120')
    status, said, content = run()
    assert status == 0 and len(content['annotations']) == 1
    assert 'left out   1 files are of ntu120 only' in said


def test_same_bytes_whatever_the_number_of_processes(write, run, tmp_path):
    for i in range(1, 60):
        write(f'S001C001P001R001A{i:03d}', seed=i)
    contents = set()
    for workers in (0, 1, 2, 3):
        out = tmp_path / f'{workers}.pkl'
        assert run(out=out, workers=workers)[0] == 0
        contents.add(out.read_bytes())
    assert len(contents) == 1


def test_unfit_paths(write, run, tmp_path):
    status, said, _ = run()
    assert status == 1 and 'no .skeleton file' in said
    write('S001C001P001R001A001')
    status, said, _ = run(out=tmp_path / 'out.npz')
    assert status == 1 and '.pkl' in said
    write('S001C001P001')
    status, said, _ = run()
    assert status == 1 and 'S001C001P001.skeleton' in said


def test_unknown_workers(tool, capsys):
    argv = ['in', 'out.pkl', '--dataset', 'ntu60', '--workers', '-1']
    with pytest.raises(SystemExit):
        tool.main(argv)
    assert 'below 0' in capsys.readouterr().err


def test_as_a_command(script, write, tmp_path):
    write('S001C001P001R001A001')
    write('S001C001P001R001A002')
    command = [sys.executable, str(script), str(tmp_path / 'in')]
    command += [str(tmp_path / 'out.pkl'), '--dataset', 'ntu60']
    done = subprocess.run(
        [*command, '--workers', '2'], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert 'NTU RGB+D 60' in done.stdout and '100%' in done.stdout
    assert len(load_annotations(tmp_path / 'out.pkl')['annotations']) == 2


def test_help(tool, capsys):
    with pytest.raises(SystemExit) as info:
        tool.main(['--help'])
    assert info.value.code == 0
    said = capsys.readouterr().out
    for word in ('--strict', '--missing', '--workers', 'xset_train'):
        assert word in said
