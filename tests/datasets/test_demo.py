"""The synthetic demo data set."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from deeprank_mm.datasets.demo import ACTIONS, make_demo, write_demo
from deeprank_mm.datasets.demo.body import (
    PARENTS,
    bone_lengths,
    forward_kinematics,
)
from deeprank_mm.datasets.demo.generator import (
    NUM_SUBJECTS,
    perform_sequence,
    sample_subjects,
)
from deeprank_mm.datasets.demo.pose import (
    CHANNEL_INDEX,
    HIGHEST,
    LOWEST,
    NEUTRAL,
)
from deeprank_mm.datasets.safe_pickle import load_annotations

TWO_PERSONS = {'handshake', 'push'}
TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'data' / 'demo.py'


@pytest.fixture(scope='module')
def demo():
    return make_demo(seed=0, reps=1)


def test_same_seed_same_bytes(tmp_path, demo):
    write_demo(tmp_path / 'a.pkl', reps=1)
    write_demo(tmp_path / 'deep' / 'b.pkl', reps=1)
    one = (tmp_path / 'a.pkl').read_bytes()
    assert one == (tmp_path / 'deep' / 'b.pkl').read_bytes()
    assert sorted(p.name for p in tmp_path.rglob('*.*')) == ['a.pkl', 'b.pkl']
    # Arrays and plain containers only.
    loaded = load_annotations(str(tmp_path / 'a.pkl'))
    np.testing.assert_array_equal(
        loaded['annotations'][7]['keypoint'],
        demo['annotations'][7]['keypoint'],
    )


def test_another_seed_is_another_set():
    performers = [sample_subjects(seed)[0] for seed in (0, 1)]
    assert not np.array_equal(*(p.body.offsets for p in performers))


def test_annotations_are_complete(demo):
    items = demo['annotations']
    assert len(ACTIONS) >= 12
    assert len(items) == len(ACTIONS) * NUM_SUBJECTS * 3
    assert len({item['frame_dir'] for item in items}) == len(items)
    names = list(ACTIONS)
    for item in items:
        keypoint = item['keypoint']
        persons = 2 if names[item['label']] in TWO_PERSONS else 1
        assert keypoint.shape == (persons, item['total_frames'], 25, 3)
        assert keypoint.dtype == np.float32
        assert np.isfinite(keypoint).all()
        assert 40 <= item['total_frames'] <= 110
        assert keypoint.any((1, 2, 3)).all()
        seen = keypoint[keypoint.any(-1)]
        # In front of the camera, in metres.
        assert seen[:, 2].min() > 0.5
        assert np.abs(seen).max() < 9
    assert any(not item['keypoint'].any(-1).all() for item in items)


def test_splits_part_subjects_and_views(demo):
    by_name = {item['frame_dir']: item for item in demo['annotations']}
    for kind, field in (('xsub', 'subject'), ('xview', 'view')):
        train, val = (
            demo['split'][f'{kind}_{part}'] for part in ('train', 'val')
        )
        assert sorted(train + val) == sorted(by_name)
        groups = [
            {by_name[name][field] for name in names} for names in (train, val)
        ]
        assert not groups[0] & groups[1]
        labels = {by_name[name]['label'] for name in val}
        assert labels == set(range(len(ACTIONS)))


@pytest.mark.parametrize('label', range(len(ACTIONS)))
def test_clean_motion_is_that_of_a_body(label):
    performers = sample_subjects(0)
    joints = perform_sequence(
        performers, label, 4, np.random.default_rng(label)
    )
    for person in joints:
        lengths = bone_lengths(person)
        np.testing.assert_allclose(
            lengths, np.broadcast_to(lengths[:1], lengths.shape), atol=1e-9
        )
        # Nobody sinks, nobody flies, nobody breaks the laws of motion.
        assert person[..., 1].min() > -0.15
        assert np.abs(np.diff(person, axis=0)).max() < 0.6
    own = np.linalg.norm(
        [performers[3].body.offsets[j] for j in PARENTS], axis=1
    )
    if len(joints) == 1:
        np.testing.assert_allclose(bone_lengths(joints[0, 0]), own)


def test_subjects_differ():
    performers = sample_subjects(0)
    stature = [p.body.offsets[[1, 20, 2, 3, 13, 14], 1] for p in performers]
    assert np.ptp(np.abs(stature).sum(1)) > 0.15
    assert len({p.tempo for p in performers}) == NUM_SUBJECTS
    assert {p.lead for p in performers} == {'left', 'right'}


def _pose(lead='right', **channels):
    angles = NEUTRAL.copy()[None]
    for name in CHANNEL_INDEX:
        if name.endswith(('spread', 'plane', 'elev', 'elbow', 'knee')):
            angles[:, CHANNEL_INDEX[name]] = 0
    for name, value in channels.items():
        angles[:, CHANNEL_INDEX[name]] = value
    return forward_kinematics(sample_subjects(0)[0].body, angles, lead, 0.0)[0]


def test_joints_bend_the_human_way():
    # At yaw 0 a person faces -z and has the right hand at +x.
    rest = _pose()
    assert rest[8, 0] > 0 > rest[4, 0]
    assert rest[15, 2] < rest[14, 2]
    assert rest[3, 1] > rest[20, 1] > rest[0, 1] > rest[13, 1] > rest[14, 1]
    assert _pose(lead_elbow=90)[10, 2] < rest[10, 2] - 0.1
    assert _pose(lead_elev=90)[10, 2] < rest[8, 2] - 0.3
    assert _pose(lead_elev=90, lead_plane=90)[10, 0] > rest[8, 0] + 0.3
    assert _pose(bend=60)[3, 2] < rest[3, 2] - 0.3
    raised = _pose(lead_hip=80, lead_knee=80)
    assert raised[17, 2] < raised[16, 2] - 0.2
    assert raised[18, 1] < raised[17, 1] - 0.2
    assert _pose(lead='left', lead_elbow=90)[6, 2] < rest[6, 2] - 0.1


def test_joints_keep_their_limits():
    for label, script in enumerate(ACTIONS.values()):
        rng = np.random.default_rng(label)
        keys = script(rng).keys
        angles = sample_subjects(0)[1].perform(keys, 80, 0.3, rng)
        assert (angles >= LOWEST).all()
        assert (angles <= HIGHEST).all()


def test_is_hard_but_not_noise(demo):
    """A nearest neighbour on centred poses finds some classes, not all."""
    items = demo['annotations']
    feats = np.stack([_flat(item['keypoint'][0]) for item in items])
    labels = np.array([item['label'] for item in items])
    val = np.isin(
        [item['frame_dir'] for item in items], demo['split']['xsub_val']
    )
    distance = np.linalg.norm(feats[val][:, None] - feats[~val], axis=-1)
    found = labels[~val][distance.argmin(1)]
    assert 0.2 < (found == labels[val]).mean() < 0.7


def _flat(person):
    frames = np.linspace(0, len(person) - 1, 16).astype(int)
    return (person[frames] - person[frames][:, :1]).reshape(-1)


@pytest.mark.parametrize('kwargs', [dict(seed=-1), dict(reps=0)])
def test_bad_arguments(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        make_demo(**kwargs)


def _run_tool(monkeypatch, *args):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, args)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(TOOL), run_name='__main__')
    return end.value.code


def test_command_line(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'demo.pkl'
    assert _run_tool(monkeypatch, out, '--reps', 1) == 0
    assert out.exists()
    assert 'xsub_train' in capsys.readouterr().out
    assert _run_tool(monkeypatch, tmp_path / 'demo.txt', '--reps', 1) == 1
    assert capsys.readouterr().err.startswith('error: ')
    assert _run_tool(monkeypatch, out, '--reps', 0) == 1
    assert 'reps' in capsys.readouterr().err
