"""Parsing NTU recordings and making people of bodies."""

import re

import numpy as np
import pytest

from deeprank_mm.datasets import ntu
from deeprank_mm.datasets.conversion import (
    ConversionError,
    drop_empty_frames,
    split_annotations,
)
from tests.raw_files import IDS, recording, skeleton_text, upright

A, B, C = IDS
NAME = 'S003C002P008R001A012'


def body(first, joints, name='x'):
    frames = np.arange(first, first + len(joints))
    return ntu.Body(name, frames, np.float64(joints))


def parse(*bodies, **kwargs):
    text = skeleton_text(recording(*bodies, frames=kwargs.pop('frames', None)))
    return ntu.parse_skeleton(text.encode())


def read(folder, text, name=NAME):
    path = folder / f'{name}.skeleton'
    path.write_text(text)
    match = re.fullmatch(ntu.CONVERSIONS['ntu60'].pattern, name)
    return ntu.read_sample(path, match)


# --- parsing


@pytest.mark.parametrize('end', ['\n', '\r\n'])
@pytest.mark.parametrize('last', [True, False])
def test_line_ends_and_no_last_one(end, last):
    joints = upright(3)
    text = skeleton_text(recording((A, 0, joints)), end)
    frames, (one,) = ntu.parse_skeleton(
        (text if last else text[: -len(end)]).encode()
    )
    assert frames == 3 and one.body_id == str(A)
    np.testing.assert_array_equal(one.frames, [0, 1, 2])
    np.testing.assert_array_equal(np.float32(one.joints), joints)


def test_bodies_come_and_go():
    a, b = upright(6, 1), upright(2, 2)
    frames, (first, second) = parse(
        (A, 0, a[:2]), (B, 1, b), (A, 4, a[2:]), frames=9
    )
    assert frames == 9  # the last frame has no body
    np.testing.assert_array_equal(first.frames, [0, 1, 4, 5, 6, 7])
    np.testing.assert_array_equal(np.float32(first.joints), a)
    np.testing.assert_array_equal(second.frames, [1, 2])


def test_ids_that_are_equal_as_floats_are_different_bodies():
    assert float(A) == float(B)
    _, bodies = parse((A, 0, upright(2)), (B, 0, upright(2, 1)))
    assert [one.body_id for one in bodies] == [str(A), str(B)]


def test_zero_body_frames_only():
    assert ntu.parse_skeleton(b'2\r\n0\r\n0\r\n') == (2, [])


@pytest.mark.parametrize('data', [b'', b'\r\n \n'])
def test_empty_file(data):
    with pytest.raises(ValueError, match='empty'):
        ntu.parse_skeleton(data)


@pytest.mark.parametrize('share', [0.2, 0.5, 0.9, 0.999])
def test_truncated_anywhere(share):
    text = skeleton_text(recording((A, 0, upright(5)), (B, 1, upright(4))))
    with pytest.raises(ValueError, match=r'cut short|expected'):
        ntu.parse_skeleton(text[: int(share * len(text))].encode())


def test_truncated_between_frames():
    text = skeleton_text(recording((A, 0, upright(5))))
    lines = text.split('\r\n')[: 1 + 2 * 28]
    with pytest.raises(ValueError, match='ends in frame 3 of 5'):
        ntu.parse_skeleton('\n'.join(lines).encode())


def test_longer_than_it_says():
    text = skeleton_text(recording((A, 0, upright(2))))
    with pytest.raises(ValueError, match='line 58: .* after its 2 frames'):
        ntu.parse_skeleton((text + '0\n').encode())


@pytest.mark.parametrize(
    'options, match',
    [
        (dict(joints=20), 'line 4: a body of 20 joints, expected 25'),
        (dict(numbers=11), 'line 5: a joint of 11 numbers, expected 12'),
    ],
)
def test_another_form(options, match):
    text = skeleton_text(recording((A, 0, upright(2))), **options)
    with pytest.raises(ValueError, match=match):
        ntu.parse_skeleton(text.encode())


@pytest.mark.parametrize(
    'line, new, match',
    [
        (0, 'abc', "line 1: expected the number of frames, got 'abc'"),
        (0, '0', 'no frames'),
        (0, '-1', "got '-1'"),
        (1, '1 2', "line 2: expected the number of bodies, got '1 2'"),
        (3, '25.0', 'line 4: expected the number of joints'),
        (6, '1 x 2 3 4 5 6 7 8 9 10 11', "lines 5 to 29: .*'x'"),
        (6, '1 1.2.3 2 3 4 5 6 7 8 9 10 11', "'1.2.3'"),
        (6, '1 nan 2 3 4 5 6 7 8 9 10 11', 'NaN or infinite'),
        (6, '1 \xff 2 3 4 5 6 7 8 9 10 11', 'not a number'),
    ],
)
def test_malformed_line(line, new, match):
    lines = skeleton_text(recording((A, 0, upright(2)))).split('\r\n')
    lines[line] = new
    with pytest.raises(ValueError, match=match):
        ntu.parse_skeleton('\n'.join(lines).encode('latin1'))


def test_only_coordinates_must_be_numbers():
    lines = skeleton_text(recording((A, 0, upright(1)))).split('\r\n')
    lines[6] = '1 2 3 -1.#IND nan nan 1 2 3 4 5 2'
    _, (one,) = ntu.parse_skeleton('\n'.join(lines).encode())
    np.testing.assert_array_equal(one.joints[0, 2], [1, 2, 3])


def test_a_body_twice_in_a_frame():
    with pytest.raises(ValueError, match=f'{A} is in frame 1 of 2 twice'):
        parse((A, 0, upright(2)), (A, 0, upright(1)))


# --- bodies to people


def test_nobody():
    assert ntu.select_bodies([], 7).shape == (0, 7, 25, 3)


def test_more_motion_first():
    calm, lively = upright(20, 1, sway=0.05), upright(20, 2, sway=0.3)
    people = ntu.select_bodies([body(0, calm), body(2, lively)], 22)
    assert people.shape == (2, 22, 25, 3)
    np.testing.assert_array_equal(people[0, 2:], lively)
    np.testing.assert_array_equal(people[1, :20], calm)
    assert not people[0, :2].any() and not people[1, 20:].any()


def test_at_most_two():
    bodies = [body(0, upright(20, i, sway=0.1 * i)) for i in range(1, 5)]
    people = ntu.select_bodies(bodies, 20)
    np.testing.assert_array_equal(people[0], bodies[3].joints)
    np.testing.assert_array_equal(people[1], bodies[2].joints)


def test_equal_motion_keeps_the_order_of_appearance():
    bodies = [body(0, upright(20, at=(x, 0, 3))) for x in (0, 0, 0)]
    people = ntu.select_bodies(bodies, 20)
    np.testing.assert_array_equal(people[0], bodies[0].joints)
    np.testing.assert_array_equal(people[1], bodies[1].joints)


def test_length():
    whole = body(0, upright(30))
    for frames, expected in ((11, 1), (12, 2)):
        short = body(5, upright(frames, 1))
        assert len(ntu.select_bodies([whole, short], 30)) == expected


def test_short_recordings_keep_short_bodies():
    bodies = [body(0, upright(5)), body(1, upright(4, 1))]
    assert len(ntu.select_bodies(bodies, 5)) == 2


def test_spread():
    person = upright(40, sway=0.01)
    chair = upright(40, 1, width=0.9, sway=0.3)
    people = ntu.select_bodies([body(0, person), body(0, chair)], 40)
    np.testing.assert_array_equal(people, person[None])
    # Whoever bends or falls for two thirds of the time is a person.
    chair[:13] = upright(13, 1)
    assert len(ntu.select_bodies([body(0, person), body(0, chair)], 40)) == 2


def test_who_lies_alone_is_kept():
    lying = upright(30, width=0.9)
    people = ntu.select_bodies([body(0, lying)], 30)
    np.testing.assert_array_equal(people, lying[None])


def test_leaping_is_noise():
    person, ghost = upright(30), upright(30, 1)
    ghost[::2] += (0, 0, 4)
    people = ntu.select_bodies([body(0, ghost), body(0, person)], 30)
    np.testing.assert_array_equal(people, person[None])
    assert len(ntu.select_bodies([body(0, ghost)], 30)) == 1


def test_an_id_that_changes_is_one_person():
    a, b = upright(40, 1, sway=0.3), upright(40, 2, sway=0.1)
    people = ntu.select_bodies(
        [body(0, b), body(0, a[:15]), body(18, a[18:])], 40
    )
    assert len(people) == 2
    np.testing.assert_array_equal(people[0, :15], a[:15])
    np.testing.assert_array_equal(people[0, 18:], a[18:])
    assert not people[0, 15:18].any()
    np.testing.assert_array_equal(people[1], b)


def test_selection_changes_nothing_it_was_given():
    bodies = [body(0, upright(20, i)) for i in range(3)]
    before = [one.joints.copy() for one in bodies]
    ntu.select_bodies(bodies, 20)[:] = 0
    for one, joints in zip(bodies, before):
        np.testing.assert_array_equal(one.joints, joints)


def test_drop_empty_frames():
    keypoint = np.zeros((3, 5, 25, 3))
    keypoint[0, 1, 4, 0] = 1
    keypoint[2, 3] = 2
    result, dropped = drop_empty_frames(keypoint)
    assert dropped == 3
    np.testing.assert_array_equal(result, keypoint[::2, 1::2])
    result, dropped = drop_empty_frames(np.zeros((2, 4, 25, 3)))
    assert result.size == 0 and dropped == 4


# --- a whole recording


def test_read_sample(tmp_path):
    a, b = upright(20, 1, sway=0.3), upright(15, 2)
    frames = recording((A, 2, a), (B, 4, b), frames=25)
    item = read(tmp_path, skeleton_text(frames))
    keypoint = item.pop('keypoint')
    assert item == dict(
        frame_dir=NAME,
        label=11,
        total_frames=20,
        subject=8,
        view=2,
        setup=3,
        replication=1,
        empty_frames=5,
    )
    assert keypoint.shape == (2, 20, 25, 3) and keypoint.dtype == np.float32
    np.testing.assert_array_equal(keypoint[0], a)
    np.testing.assert_array_equal(keypoint[1, 2:17], b)


def test_nobody_in_the_recording(tmp_path):
    with pytest.raises(ValueError, match='nobody in any of its 3 frames'):
        read(tmp_path, skeleton_text([[], [], []]))
    with pytest.raises(ValueError, match='nobody'):
        read(tmp_path, skeleton_text(recording((A, 0, np.zeros((3, 25, 3))))))


# --- splits and files


def test_splits():
    def names(dataset, **fields):
        item = dict(frame_dir='a', subject=1, view=1, setup=1)
        item.update(fields)
        splits = split_annotations(ntu.CONVERSIONS[dataset], [item])
        return [name for name, ids in splits.items() if ids]

    assert names('ntu60') == ['xsub_train', 'xview_val']
    assert names('ntu60', subject=3, view=2) == ['xsub_val', 'xview_train']
    assert names('ntu60', subject=38, view=3) == ['xsub_train', 'xview_train']
    assert names('ntu120', setup=32) == ['xsub_train', 'xset_train']
    assert names('ntu120', subject=106, setup=31) == ['xsub_val', 'xset_val']
    assert names('ntu120', subject=103) == ['xsub_train', 'xset_val']


def test_published_lists_and_counts():
    # 20 of 40 subjects and 53 of 106, as the papers say.
    assert len(ntu.XSUB_TRAIN) == 53
    assert len([subject for subject in ntu.XSUB_TRAIN if subject <= 40]) == 20
    for dataset, total in (('ntu60', 56578), ('ntu120', 113945)):
        counts = list(ntu.CONVERSIONS[dataset].counts.values())
        assert sum(counts[:2]) == sum(counts[2:]) == total


def test_published_counts_are_asserted():
    def splits(**changes):
        counts = dict(ntu.CONVERSIONS['ntu60'].counts)
        for name, change in changes.items():
            counts[name] += change
        return {name: ['a'] * number for name, number in counts.items()}

    check = ntu.check_published_counts
    assert check('ntu60', splits(), strict=True) is None
    with pytest.raises(ConversionError, match='40092'):
        check('ntu60', splits(xsub_train=1, xsub_val=-1))
    part = splits(xsub_train=-1, xview_val=-1)
    assert 'not comparable' in check('ntu60', part)
    assert '--missing' not in check('ntu60', part)
    assert '--missing' in check('ntu60', part, missing_given=False)
    with pytest.raises(ConversionError, match='--missing'):
        check('ntu60', part, strict=True, missing_given=False)


def test_read_missing(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text(
        'The following are incomplete:\r\n302 names.\r\n\r\n'
        'S001C002P005R002A008\r\nS001C002P006R001A008.skeleton \r\n'
    )
    names = {'S001C002P005R002A008', 'S001C002P006R001A008'}
    assert ntu.read_missing(path) == names
    path.write_text('S001C002P005R002A008\nS001C002P006R001\n')
    with pytest.raises(ConversionError, match='line 2: .*S001C002P006R001'):
        ntu.read_missing(path)
    path.write_text('header only\n')
    with pytest.raises(ConversionError, match='names no recording'):
        ntu.read_missing(path)
    with pytest.raises(ConversionError, match='cannot be read'):
        ntu.read_missing(tmp_path / 'none.txt')


def test_select_files(tmp_path):
    names = [
        'S001C001P001R001A001',
        'S001C001P001R001A002',
        'S018C001P008R001A061',
    ]
    for name in names:
        (tmp_path / f'{name}.skeleton').touch()

    def select(*args):
        files, notes = ntu.select_files(*args)
        return [path.stem for path, _ in files], notes

    assert select('ntu120', tmp_path) == (names, [])
    kept, notes = select('ntu60', tmp_path, frozenset(names[1:2]))
    assert kept == names[:1]
    assert notes == [
        '1 files are of ntu120 only, not of ntu60',
        '1 files are among the 1 of the list of missing skeletons',
    ]
    with pytest.raises(ConversionError, match='is left: 2 files are among'):
        (tmp_path / f'{names[2]}.skeleton').unlink()
        select('ntu60', tmp_path, frozenset(names))
    (tmp_path / 'S001C004P001R001A001.skeleton').touch()
    with pytest.raises(ConversionError, match='S001C004P001R001A001'):
        select('ntu60', tmp_path)
