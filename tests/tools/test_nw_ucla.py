"""The NW-UCLA converter, on made-up files and on the real ones."""

import json
import os
import re
import runpy
import sys
from collections import Counter

import numpy as np
import pytest
from mmaction.datasets import PoseDataset

from deeprank_mm.datasets import conversion, load_annotations
from tests.tool_module import load_tool


@pytest.fixture(scope='module')
def script(repo_root):
    return repo_root / 'tools' / 'data' / 'nw_ucla.py'


@pytest.fixture(scope='module')
def tool(script):
    return load_tool(script)


@pytest.fixture
def run(tool, tmp_path, capsys):
    """Convert tmp_path/in; return the status, what it said, the content."""

    def run(*options, in_dir=tmp_path / 'in', out=tmp_path / 'out.pkl'):
        argv = [str(in_dir), str(out), *options]
        status = conversion.main(tool.NW_UCLA, tool.__doc__, argv)
        said = capsys.readouterr()
        content = load_annotations(out) if out.exists() else None
        assert (status == 0) == (content is not None)
        # A failed run leaves nothing behind.
        assert not list(tmp_path.glob('*.part'))
        return status, said.out + said.err, content

    return run


@pytest.fixture
def write(tmp_path):
    def write(name, **changes):
        action = int(name[1:3])
        actions = [1, 2, 3, 4, 5, 6, 8, 9, 11, 12]
        content = dict(
            file_name=name,
            skeletons=np.ones((3, 20, 3)).tolist(),
            label=actions.index(action) + 1,
        )
        content.update(changes)
        folder = tmp_path / 'in'
        folder.mkdir(exist_ok=True)
        (folder / f'{name}.json').write_text(json.dumps(content))

    return write


def test_part_of_the_data_set(write, run, tmp_path):
    write('a12_s01_e00_v03', skeletons=np.full((1, 20, 3), 0.5).tolist())
    write('a01_s10_e00_v01')
    frames = np.ones((2, 20, 3))
    frames[0, 3:5] = 0
    write('a08_s02_e01_v02', skeletons=frames.tolist())
    (tmp_path / 'in' / 'notes.txt').write_text('left alone')
    status, said, content = run()
    assert status == 0
    assert content['split'] == dict(
        xview_train=['a01_s10_e00_v01', 'a08_s02_e01_v02'],
        xview_val=['a12_s01_e00_v03'],
    )
    a, b, c = content['annotations']
    assert list(a) == [
        'frame_dir',
        'label',
        'keypoint',
        'total_frames',
        'subject',
        'view',
    ]
    assert [(x['label'], x['subject'], x['view']) for x in (a, b, c)] == [
        (0, 10, 1),
        (6, 2, 2),
        (9, 1, 3),
    ]
    assert [x['total_frames'] for x in (a, b, c)] == [3, 2, 1]
    assert b['keypoint'].shape == (1, 2, 20, 3)
    assert b['keypoint'].dtype == np.float32
    np.testing.assert_array_equal(b['keypoint'][0], frames)
    assert 'warning: NW-UCLA has xview_train 1020, xview_val 464' in said
    assert 'one frame  1 sequences: a12_s01_e00_v03' in said
    assert 'all zero   2 joints in 1 sequences: a08_s02_e01_v02' in said


def test_a_part_is_an_error_when_strict(write, run):
    write('a01_s10_e00_v01')
    status, said, _ = run('--strict')
    assert status == 1 and 'error' in said and '--strict' in said


def test_whole_number_but_another_division_is_an_error(tool):
    splits = dict(xview_train=['a'] * 1021, xview_val=['a'] * 463)
    with pytest.raises(conversion.ConversionError, match='1021'):
        conversion.check_counts(tool.NW_UCLA, splits)
    splits = dict(xview_train=['a'] * 1020, xview_val=['a'] * 464)
    assert conversion.check_counts(tool.NW_UCLA, splits, strict=True) is None


@pytest.mark.parametrize(
    'changes, match',
    [
        (dict(skeletons=[]), 'shape'),
        (dict(skeletons=np.ones((2, 25, 3)).tolist()), r'\(2, 25, 3\)'),
        (dict(skeletons=[[[1, 2, 3]], [[1, 2]]]), 'inhomogeneous'),
        (dict(skeletons='text'), 'text'),
        (
            dict(skeletons=np.full((1, 20, 3), np.nan).tolist()),
            'NaN or infinite',
        ),
        (dict(skeletons=np.full((1, 20, 3), 1e300).tolist()), 'infinite'),
        (dict(label=1), "'label' is 1"),
        (dict(file_name='other'), "'file_name' is 'other'"),
    ],
)
def test_malformed_content(write, run, changes, match):
    write('a02_s01_e00_v01', **changes)
    write('a01_s01_e00_v01')
    status, said, _ = run()
    assert status == 1
    assert re.search(match, said) and 'a02_s01_e00_v01.json' in said
    assert '1 of 2' in said and 'a01_s01' not in said


@pytest.mark.parametrize('text', ['', '{', '[]', '{"label": 1}', '\xff'])
def test_damaged_file(write, run, tmp_path, text):
    write('a01_s01_e00_v01')
    path = tmp_path / 'in' / 'a01_s01_e01_v01.json'
    path.write_bytes(text.encode('latin1'))
    status, said, _ = run()
    assert status == 1 and path.name in said


@pytest.mark.parametrize(
    'name', ['a07_s01_e00_v01', 'a01_s01_e00_v04', 'a01_s01_e00_v00']
)
def test_unknown_action_or_view(write, run, tmp_path, name):
    write('a01_s01_e00_v01')
    folder = tmp_path / 'in'
    (folder / 'a01_s01_e00_v01.json').rename(folder / f'{name}.json')
    status, said, _ = run()
    assert status == 1 and name in said and 'unknown' in said


def test_malformed_name(write, run, tmp_path):
    write('a01_s01_e00_v01')
    (tmp_path / 'in' / 'walking.json').write_text('{}')
    status, said, _ = run()
    assert status == 1
    assert 'walking.json' in said and 'a01_s01_e00_v01.json' in said


def test_missing_empty_and_unfit_paths(write, run, tmp_path):
    status, said, _ = run()
    assert status == 1 and 'not a folder' in said
    (tmp_path / 'in').mkdir()
    status, said, _ = run()
    assert status == 1 and 'no .json file' in said
    write('a01_s01_e00_v01')
    status, said, _ = run(out=tmp_path / 'out.json')
    assert status == 1 and '.pkl' in said


def test_a_failed_write_keeps_the_old_file(
    write, run, tool, tmp_path, monkeypatch
):
    write('a01_s01_e00_v01')
    out = tmp_path / 'sub' / 'out.pkl'
    assert run(out=out)[0] == 0
    before = out.read_bytes()

    def full(*args):
        raise OSError('no space left')

    monkeypatch.setattr(os, 'fsync', full)
    argv = [str(tmp_path / 'in'), str(out)]
    assert conversion.main(tool.NW_UCLA, '', argv) == 1
    assert out.read_bytes() == before
    assert [p.name for p in out.parent.iterdir()] == ['out.pkl']


def test_help(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [script.name, '--help'])
    with pytest.raises(SystemExit) as info:
        runpy.run_path(str(script), run_name='__main__')
    assert info.value.code == 0
    said = capsys.readouterr().out
    assert '--strict' in said and 'xview_train' in said


def test_real_data(tool, nw_ucla_folder, tmp_path, capsys):
    outs = [tmp_path / 'a.pkl', tmp_path / 'b.pkl']
    for out in outs:
        argv = [str(nw_ucla_folder), str(out), '--strict']
        assert conversion.main(tool.NW_UCLA, '', argv) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    said = capsys.readouterr().out
    for fact in (
        '1484 (xview_train 1020, xview_val 464)',
        '10, 141 to 173 samples each',
        'subjects   10',
        '1 to 201 frames, median 31, 10 under 10',
        '2 sequences: a02_s09_e04_v02, a02_s09_e04_v03',
        '12 joints in 2 sequences: a04_s01_e01_v01, a04_s04_e02_v01',
    ):
        assert fact in said
    content = load_annotations(outs[0])
    assert Counter(a['label'] for a in content['annotations'])[3] == 173
    # The stock class reads it, and the numbers are those of the json.
    data = PoseDataset(str(outs[0]), [], 'xview_val', test_mode=True)
    assert len(data) == 464
    item = data[17]
    raw = json.loads(
        (nw_ucla_folder / f'{item["frame_dir"]}.json').read_text()
    )
    np.testing.assert_array_equal(
        item['keypoint'][0], np.float32(raw['skeletons'])
    )
    assert item['label'] == raw['label'] - 1
