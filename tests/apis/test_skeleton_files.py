"""One sequence out of every kind of file."""

import pickle

import numpy as np
import pytest

from deeprank_mm.apis import read_skeleton
from deeprank_mm.utils.usage import UsageError

CLIP = np.arange(2 * 6 * 5 * 3, dtype=np.float32).reshape(2, 6, 5, 3)
SCORE = np.full((2, 6, 5), 0.5, dtype=np.float32)


def dump(path, content):
    path.write_bytes(pickle.dumps(content))
    return path


@pytest.mark.parametrize('people', [1, 2])
def test_every_way_to_say_the_same(tmp_path, people):
    clip, score = CLIP[:people], SCORE[:people]
    np.save(tmp_path / 'a.npy', clip)
    np.savez(tmp_path / 'b.npz', keypoint=clip, keypoint_score=score)
    annotation = dict(frame_dir='x', label=3, keypoint=clip)
    ways = [
        clip,
        annotation,
        tmp_path / 'a.npy',
        str(tmp_path / 'b.npz'),
        dump(tmp_path / 'c.pkl', annotation),
        dump(tmp_path / 'd.pkl', dict(split={}, annotations=[annotation])),
        dump(tmp_path / 'e.pkl', clip),
    ]
    if people == 1:
        ways += [clip[0], dict(keypoint=clip[0], keypoint_score=score[0])]
    for way in ways:
        found = read_skeleton(way)
        np.testing.assert_array_equal(found['keypoint'], clip)
        assert found['total_frames'] == 6
        if 'keypoint_score' in found:
            np.testing.assert_array_equal(found['keypoint_score'], score)
    assert read_skeleton(tmp_path / 'b.npz')['keypoint_score'] is not None
    assert read_skeleton(tmp_path / 'a.npy')['frame_dir'] == 'a'
    found = read_skeleton(tmp_path / 'd.pkl', img_shape=[480, 640])
    assert (found['frame_dir'], found['label']) == ('x', 3)
    assert found['img_shape'] == (480, 640)


def test_a_channel_of_scores(tmp_path):
    np.save(tmp_path / 'a.npy', CLIP[0])
    for way in (CLIP[0], CLIP, tmp_path / 'a.npy'):
        found = read_skeleton(way, scores=True)
        count = len(found['keypoint'])
        np.testing.assert_array_equal(found['keypoint'], CLIP[:count, ..., :2])
        np.testing.assert_array_equal(
            found['keypoint_score'], CLIP[:count, ..., 2]
        )
    with pytest.raises(UsageError, match='has scores beside'):
        read_skeleton(dict(keypoint=CLIP, keypoint_score=SCORE), scores=True)
    with pytest.raises(UsageError, match='of 3 or 4 channels'):
        read_skeleton(CLIP[..., :2], scores=True)


def test_padding_is_left_out():
    given = dict(keypoint=CLIP, keypoint_score=SCORE, total_frames=4)
    found = read_skeleton(given)
    assert found['keypoint'].shape == (2, 4, 5, 3)
    assert found['keypoint_score'].shape == (2, 4, 5)
    with pytest.raises(UsageError, match='total_frames=9'):
        read_skeleton(dict(given, total_frames=9))


def test_one_of_many(tmp_path):
    many = [
        dict(frame_dir=name, keypoint=CLIP + i) for i, name in enumerate('ab')
    ]
    path = dump(tmp_path / 'many.pkl', dict(annotations=many, split={}))
    assert read_skeleton(path, 'b')['keypoint'][0, 0, 0, 0] == 1
    with pytest.raises(UsageError, match='2 sequences: name one, such as a'):
        read_skeleton(path)
    with pytest.raises(UsageError, match='no sequence c, but 2 others'):
        read_skeleton(path, 'c')


def skeleton_text(frames=3):
    joint = ' '.join(['0.1 {y} 2.5', *['0'] * 8, '2'])
    lines = [str(frames)]
    for _ in range(frames):
        lines += ['1', '72057594037931101 ' + '0 ' * 9, '25']
        lines += [joint.format(y=i / 10) for i in range(25)]
    return '\n'.join(lines) + '\n'


def test_a_recording_of_ntu(tmp_path):
    named = tmp_path / 'S001C002P003R001A009.skeleton'
    other = tmp_path / 'my own.skeleton'
    for path in (named, other):
        path.write_text(skeleton_text())
        found = read_skeleton(path)
        assert found['keypoint'].shape == (1, 3, 25, 3)
        np.testing.assert_allclose(
            found['keypoint'][0, 1, 7], [0.1, 0.7, 2.5], rtol=1e-6
        )
    assert read_skeleton(named)['label'] == 8
    assert 'label' not in read_skeleton(other)
    other.write_text(skeleton_text()[:200])
    with pytest.raises(UsageError, match='my own.skeleton.*cut short'):
        read_skeleton(other)


class Attack:
    def __reduce__(self):
        return print, ('this ran',)


@pytest.mark.parametrize(
    'content, message',
    [
        (CLIP[0, 0], r"has a 'keypoint' of shape \(5, 3\)"),
        (dict(label=1), "has no 'keypoint' array"),
        (CLIP[:, :0], 'has no frames'),
        (np.where(CLIP == 7, np.nan, CLIP), 'NaN or infinite'),
        (dict(keypoint=CLIP, keypoint_score=SCORE[:1]), 'keypoint_score'),
        (dict(keypoint=CLIP[0], frame_inds=np.arange(6)), 'frame_inds'),
        ([], 'holds no annotations'),
        (Attack(), 'print'),
    ],
)
def test_what_is_no_sequence(tmp_path, content, message, capsys):
    path = dump(tmp_path / 'bad.pkl', content)
    with pytest.raises(UsageError, match=message) as error:
        read_skeleton(path)
    assert 'bad.pkl' in str(error.value)
    assert 'this ran' not in capsys.readouterr().out


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match='there is no file .*absent.npy'):
        read_skeleton(tmp_path / 'absent.npy')
    (tmp_path / 'a.txt').touch()
    with pytest.raises(UsageError, match='must end in one of .pkl'):
        read_skeleton(tmp_path / 'a.txt')
    np.savez(tmp_path / 'b.npz', points=CLIP)
    with pytest.raises(UsageError, match="no array 'keypoint', only"):
        read_skeleton(tmp_path / 'b.npz')
    np.save(tmp_path / 'c.npy', np.array([dict(a=1)]), allow_pickle=True)
    with pytest.raises(UsageError, match='no plain array'):
        read_skeleton(tmp_path / 'c.npy')
