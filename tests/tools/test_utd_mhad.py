"""The UTD-MHAD converter, on made-up files and on the real ones."""

import re
import runpy
import sys

import numpy as np
import pytest
from mmaction.datasets import PoseDataset
from scipy.io import loadmat, savemat

from deeprank_mm.datasets import conversion, load_annotations
from tests.tool_module import load_tool


@pytest.fixture(scope='module')
def script(repo_root):
    return repo_root / 'tools' / 'data' / 'utd_mhad.py'


@pytest.fixture(scope='module')
def tool(script):
    return load_tool(script)


@pytest.fixture
def run(tool, tmp_path, capsys):
    """Convert tmp_path; return the status, what it said, the content."""

    def run(*options):
        out = tmp_path / 'out.pkl'
        argv = [str(tmp_path), str(out), *options]
        status = conversion.main(tool.UTD_MHAD, tool.__doc__, argv)
        said = capsys.readouterr()
        content = load_annotations(out) if out.exists() else None
        assert (status == 0) == (content is not None)
        return status, said.out + said.err, content

    return run


def write(folder, name, skeleton=None, key='d_skel'):
    if skeleton is None:
        skeleton = np.ones((20, 3, 4))
    savemat(folder / f'{name}_skeleton.mat', {key: skeleton})


def test_part_of_the_data_set(tmp_path, run):
    skeleton = np.arange(20 * 3 * 4.0).reshape(20, 3, 4)
    write(tmp_path, 'a27_s3_t1', skeleton)
    write(tmp_path, 'a1_s8_t4')
    write(tmp_path, 'a2_s1_t1', skeleton[..., :1])  # one frame, saved as 2-D
    status, said, content = run()
    assert status == 0 and 'warning: UTD-MHAD has xsub_train 431' in said
    assert 'one frame  1 sequences: a2_s1_t1' in said
    assert content['split'] == dict(
        xsub_train=['a27_s3_t1_skeleton', 'a2_s1_t1_skeleton'],
        xsub_val=['a1_s8_t4_skeleton'],
    )
    items = {a['frame_dir']: a for a in content['annotations']}
    item = items['a27_s3_t1_skeleton']
    assert (item['label'], item['subject'], item['total_frames']) == (26, 3, 4)
    assert item['keypoint'].dtype == np.float32
    np.testing.assert_array_equal(
        item['keypoint'][0], skeleton.transpose(2, 0, 1)
    )
    assert items['a2_s1_t1_skeleton']['keypoint'].shape == (1, 1, 20, 3)


def test_a_part_is_an_error_when_strict(tmp_path, run):
    write(tmp_path, 'a1_s1_t1')
    status, said, _ = run('--strict')
    assert status == 1 and '--strict' in said


@pytest.mark.parametrize(
    'name, skeleton, key, match',
    [
        ('a1_s1_t1', np.ones((4, 20, 3)), 'd_skel', r'expected \(frames'),
        ('a1_s1_t1', np.ones((20, 3, 0)), 'd_skel', 'no frames|shape'),
        ('a1_s1_t1', np.ones((20, 3, 4, 2)), 'd_skel', r'\(20, 3, frames\)'),
        ('a1_s1_t1', np.full((20, 3, 4), np.inf), 'd_skel', 'infinite'),
        ('a1_s1_t1', np.ones((20, 3, 4)), 'other', 'd_skel'),
        ('a28_s1_t1', None, 'd_skel', 'unknown action 28'),
        ('a1_s9_t1', None, 'd_skel', 'unknown subject 9'),
    ],
)
def test_malformed_content(tmp_path, run, name, skeleton, key, match):
    write(tmp_path, 'a1_s1_t2')
    write(tmp_path, name, skeleton, key)
    status, said, _ = run()
    assert status == 1 and re.search(match, said)
    assert f'{name}_skeleton.mat' in said and '1 of 2' in said


@pytest.mark.parametrize('content', [b'', b'text', b'MATLAB 5.0' * 30])
def test_damaged_file(tmp_path, run, content):
    (tmp_path / 'a1_s1_t1_skeleton.mat').write_bytes(content)
    status, said, _ = run()
    assert status == 1 and 'a1_s1_t1_skeleton.mat' in said


def test_malformed_name(tmp_path, run):
    write(tmp_path, 'a1_s1')
    status, said, _ = run()
    assert status == 1
    assert 'a1_s1_skeleton.mat' in said and 'a1_s1_t1_skeleton.mat' in said


def test_help(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [script.name, '--help'])
    with pytest.raises(SystemExit) as info:
        runpy.run_path(str(script), run_name='__main__')
    assert info.value.code == 0
    said = capsys.readouterr().out
    assert '--strict' in said and 'xsub_train' in said


def test_real_data(tool, utd_mhad_folder, tmp_path, capsys):
    outs = [tmp_path / 'a.pkl', tmp_path / 'b.pkl']
    for out in outs:
        argv = [str(utd_mhad_folder), str(out), '--strict']
        assert conversion.main(tool.UTD_MHAD, '', argv) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    said = capsys.readouterr().out
    for fact in (
        '861 (xsub_train 431, xsub_val 430)',
        '27, 31 to 32 samples each',
        'subjects   8',
        '41 to 125 frames, median 67',
    ):
        assert fact in said
    train = PoseDataset(str(outs[0]), [], 'xsub_train', test_mode=True)
    val = PoseDataset(str(outs[0]), [], 'xsub_val', test_mode=True)
    assert (len(train), len(val)) == (431, 430)
    subjects = [{d[i]['subject'] for i in range(len(d))} for d in (train, val)]
    assert subjects == [{1, 3, 5, 7}, {2, 4, 6, 8}]
    item = val[11]
    raw = loadmat(utd_mhad_folder / f'{item["frame_dir"]}.mat')['d_skel']
    np.testing.assert_array_equal(
        item['keypoint'][0], np.float32(raw.transpose(2, 0, 1))
    )
