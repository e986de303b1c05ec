"""The checker's command line."""

import json
import pickle
import runpy

import numpy as np
import pytest


@pytest.fixture
def run(repo_root, capsys):
    """Run the tool; return the status and what it said."""
    main = runpy.run_path(str(repo_root / 'tools/data/check.py'))['main']

    def run(*argv):
        try:
            status = main([str(arg) for arg in argv])
        except SystemExit as stop:
            status = stop.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def write(tmp_path):
    def write(count=6, **changes):
        rng = np.random.default_rng(0)
        items = [
            dict(
                frame_dir=f's{i}',
                label=i % 2,
                subject=i,
                keypoint=rng.normal(size=(1, 12, 5, 3)).astype(np.float32),
                total_frames=12,
            )
            for i in range(count)
        ]
        items[1].update(changes)
        names = [item['frame_dir'] for item in items]
        split = dict(xsub_train=names[:4], xsub_val=names[4:])
        path = tmp_path / 'file.pkl'
        path.write_bytes(pickle.dumps(dict(split=split, annotations=items)))
        return path

    return write


def test_clean(run, write):
    status, out, err = run(write(), '--num-classes', 2)
    assert status == 0 and not err
    assert '6 samples (xsub_train 4, xsub_val 2)' in ' '.join(out.split())
    assert '0 error(s), 0 warning(s), 0 note(s)' in out


def test_warnings_only(run, write):
    status, out, _ = run(write(total_frames=3))
    assert status == 0
    assert 'warning' in out and 's1 (says total_frames=3' in out


def test_errors_and_json(run, write, tmp_path):
    path, target = write(label=5), tmp_path / 'report.json'
    status, out, _ = run(path, '--num-classes', 2, '--json', target)
    assert status == 1 and 'error' in out and 's1' in out
    report = json.loads(target.read_text())
    assert (report['errors'], report['samples']) == (1, 6)
    assert report['splits'] == dict(xsub_train=4, xsub_val=2)
    (finding,) = report['findings']
    assert finding['check'] == 'bad_label' and finding['count'] == 1
    assert finding['where'][0]['name'] == 's1'


def test_every_name_is_in_the_json_and_few_in_the_table(run, write, tmp_path):
    path, target = write(total_frames=3), tmp_path / 'report.json'
    content = pickle.loads(path.read_bytes())
    for item in content['annotations']:
        item['total_frames'] = 3
    path.write_bytes(pickle.dumps(content))
    _, out, _ = run(path, '--json', target)
    assert 'and 3 more' in ' '.join(out.split())
    (finding,) = json.loads(target.read_text())['findings']
    assert [w['name'] for w in finding['where']] == [f's{i}' for i in range(6)]


def test_hostile_file(run, tmp_path):
    path = tmp_path / 'hostile.pkl'
    path.write_bytes(b'cposix\nsystem\n(S"touch trace"\ntR.')
    status, out, _ = run(path)
    assert status == 1
    assert 'would run code' in ' '.join(out.split())
    assert 'posix.system' in out


@pytest.mark.parametrize(
    'options, message',
    [
        (['--train', 'absent'], "no split 'absent'"),
        (['--num-classes', 0], 'must be 1 or more'),
        (['--json', '/nowhere/at/all.json'], '/nowhere/at/all.json'),
    ],
)
def test_usage(run, write, options, message):
    status, _, err = run(write(), *options)
    assert status == 2 and message in err


def test_unreadable(run, tmp_path):
    assert run(tmp_path / 'none.pkl')[0] == 2
    path = tmp_path / 'damaged.pkl'
    path.write_bytes(b'not a pickle')
    status, _, err = run(path)
    assert status == 2 and 'damaged' in err


def test_other_splits_can_be_named(run, write):
    status, out, _ = run(write(), '--train', 'xsub_val', '--test', 'xsub_val')
    assert status == 1 and "both in 'xsub_val'" in ' '.join(out.split())
