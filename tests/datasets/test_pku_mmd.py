"""Parsing PKU-MMD sequences, labels and splits, and cutting clips."""

import numpy as np
import pytest

from deeprank_mm.datasets import pku_mmd
from deeprank_mm.datasets.conversion import ConversionError
from deeprank_mm.datasets.pku_mmd import LabelRow
from tests.raw_files import pku_text, upright

HEADERS = ('Training videos:', 'Validataion videos:')


def sequence(frames=12, people=2, seed=0):
    joints = np.zeros((2, frames, 25, 3), np.float32)
    for person in range(people):
        joints[person] = upright(frames, seed + person)
    return joints


@pytest.fixture
def part(tmp_path):
    """A folder of sequences; convert() converts it."""

    class Part:
        split = tmp_path / 'split.txt'
        skeletons = tmp_path / 'skeletons'
        labels = tmp_path / 'labels'

        def __init__(self):
            self.skeletons.mkdir()
            self.labels.mkdir()
            self.lists([], [])

        def lists(self, train, others):
            lines = zip(HEADERS, (train, others))
            self.split.write_text(
                ''.join(f'{head}\n{", ".join(x)}\n' for head, x in lines)
            )

        def add(self, name, rows, joints=None):
            joints = sequence() if joints is None else joints
            (self.skeletons / f'{name}.txt').write_text(pku_text(joints))
            (self.labels / f'{name}.txt').write_text(rows)

        def convert(self, number=1, **options):
            return pku_mmd.convert_part(
                number, self.skeletons, self.labels, self.split, **options
            )

    return Part()


# --- sequences


@pytest.mark.parametrize('end', ['\n', '\r\n', ' \r\n'])
def test_parse_sequence(end):
    joints = sequence(4)
    parsed = pku_mmd.parse_sequence(pku_text(joints, end).encode())
    assert parsed.shape == (2, 4, 25, 3)
    np.testing.assert_array_equal(np.float32(parsed), joints)


def test_numbers_in_every_notation():
    words = ['1', '-0.5', '1e-3', '+2.'] + ['0'] * 146
    parsed = pku_mmd.parse_sequence('\t'.join(words).encode())
    np.testing.assert_array_equal(
        parsed[0, 0].ravel()[:4], [1, -0.5, 0.001, 2]
    )


@pytest.mark.parametrize(
    'change, match',
    [
        (lambda lines: [], 'empty'),
        (lambda lines: ['', ''], 'empty'),
        (lambda lines: lines[:2] + [''] + lines[2:], 'line 3: 0 numbers'),
        (lambda lines: lines[:3] + [lines[3][:99]], r'line 4: \d+ numbers'),
        (lambda lines: [lines[0] + ' 1', *lines[1:]], 'line 1: 151 numbers'),
        (lambda lines: [lines[0], 'x' + lines[1]], "line 2: .*'x"),
        (lambda lines: [lines[0], lines[1].replace(' ', ',')], '1 numbers'),
    ],
)
def test_malformed_sequence(change, match):
    lines = pku_text(sequence(5)).splitlines()
    with pytest.raises(ValueError, match=match):
        pku_mmd.parse_sequence('\n'.join(change(lines)).encode())


# --- labels


def test_parse_labels():
    text = '8,0,10,2\r\n\r\n 51 , 3, 4\n'
    rows, problems = pku_mmd.parse_labels(text)
    assert rows == [LabelRow(1, 8, 0, 10), LabelRow(3, 51, 3, 4)]
    assert problems == []
    rows, _ = pku_mmd.parse_labels(text, 'inclusive')
    assert rows == [LabelRow(1, 8, 0, 11), LabelRow(3, 51, 3, 5)]


@pytest.mark.parametrize(
    'row, match',
    [
        ('8,10', 'class,start,end'),
        ('8,1,10,2,3', 'class,start,end'),
        ('8 1 10', "got '8 1 10'"),
        ('drink,1,10,2', 'whole numbers'),
        ('8,1.5,10,2', 'whole numbers'),
        ('0,1,10,2', 'class 0, known are 1 to 51'),
        ('52,1,10,2', 'class 52'),
        ('8,-1,10,2', 'starts at frame -1'),
        ('8,10,5,2', 'frames 10 to 5'),
        ('8,10,10,2', 'none at all'),
    ],
)
def test_malformed_rows(row, match):
    rows, (problem,) = pku_mmd.parse_labels(f'1,0,5,1\n{row}\n2,5,9,1\n')
    assert [found.line for found in rows] == [1, 3]
    assert problem.startswith('line 2: ') and match in problem


def test_one_frame_is_some_if_inclusive():
    rows, problems = pku_mmd.parse_labels('8,10,10,2', 'inclusive')
    assert rows == [LabelRow(1, 8, 10, 11)] and not problems


def test_unknown_interval():
    with pytest.raises(ValueError, match='halfopen'):
        pku_mmd.parse_labels('', 'halfopen')


# --- split file


@pytest.mark.parametrize(
    'text',
    [
        'Training videos:\r\n0002-L, 0002-M, 0003-R\r\n'
        'Validataion videos:\r\n0004-L\r\n',
        'Train\n0002-L,0002-M,\n0003-R\n\nTest\n0004-L',
    ],
)
def test_read_split(tmp_path, text):
    path = tmp_path / 'split.txt'
    path.write_text(text)
    lists = pku_mmd.read_split(path, 1)
    assert lists == (['0002-L', '0002-M', '0003-R'], ['0004-L'])


@pytest.mark.parametrize(
    'text, match',
    [
        ('', 'no PKU-MMD I split file'),
        ('Training videos:\n', 'no PKU-MMD I split file'),
        ('Testing videos:\n0002-L\n', 'no PKU-MMD I split file'),
        ('0002-L, 0003-L\n', 'line 1: sequences without a line'),
        ('Training videos:\n0002-L, 0003-X\n', "line 2: '0003-X' is no"),
        ('Training videos:\nA01N01-L\n', 'no PKU-MMD I split file'),
        ('Training:\n0002-L, 0003-L\nTest:\n0002-L\n', 'lists 0002-L twice'),
    ],
)
def test_malformed_split(tmp_path, text, match):
    path = tmp_path / 'split.txt'
    path.write_text(text)
    with pytest.raises(ConversionError, match=match):
        pku_mmd.read_split(path, 1)


def test_no_split_file(tmp_path):
    with pytest.raises(ConversionError, match='cannot be read'):
        pku_mmd.read_split(tmp_path / 'none.txt', 2)


# --- clips


def test_clips(part):
    joints = sequence(12)
    part.add('0002-L', '8,0,5,2\n51,4,12,1\n', joints)
    part.add('0003-R', '1,2,6,2\n', sequence(12, people=1))
    part.lists(['0002-L'], [])
    clips, splits, classes = part.convert()
    assert clips.problems == [] and clips.rows == 3
    assert clips.unlisted == ['0003-R']
    assert classes == list(range(1, 52))
    assert splits == dict(
        xsub_train=['0002-L_001', '0002-L_002'], xsub_val=['0003-R_001']
    )
    first, second, third = clips.annotations
    np.testing.assert_array_equal(first.pop('keypoint'), joints[:, :5])
    assert first == dict(
        frame_dir='0002-L_001',
        label=7,
        total_frames=5,
        sequence='0002-L',
        recording='0002',
        view=1,
        start=0,
        stop=5,
        empty_frames=0,
    )
    np.testing.assert_array_equal(second['keypoint'], joints[:, 4:])
    assert third['keypoint'].shape == (1, 4, 25, 3) and third['view'] == 3
    assert third['keypoint'].dtype == np.float32


def test_inclusive_clips(part):
    joints = sequence(12)
    part.add('0002-L', '8,0,5,2\n', joints)
    part.lists(['0002-L'], [])
    (clip,) = part.convert(interval='inclusive')[0].annotations
    np.testing.assert_array_equal(clip['keypoint'], joints[:, :6])


def test_absent_bodies_and_frames(part):
    joints = sequence(12)
    joints[1, :6] = 0
    joints[0, 6:] = 0
    joints[:, 2] = 0
    part.add('0002-L', '8,0,6,2\n8,6,12,2\n8,0,12,2\n8,2,3,2\n', joints)
    part.lists(['0002-L'], [])
    clips = part.convert()[0]
    first, second, third = clips.annotations
    np.testing.assert_array_equal(
        first['keypoint'][0], joints[0, [0, 1, 3, 4, 5]]
    )
    assert first['empty_frames'] == 1 and len(first['keypoint']) == 1
    np.testing.assert_array_equal(second['keypoint'], joints[1:, 6:])
    assert third['keypoint'].shape == (2, 11, 25, 3)
    (problem,) = clips.problems
    assert '0002-L.txt, line 4: nobody in frames 2 to 2; left' in problem


def test_rows_that_stick_out(part):
    part.add('0002-L', '8,10,20,2\n8,12,20,2\n8,0,12,1\n')
    part.lists(['0002-L'], [])
    clips = part.convert()[0]
    assert [item['total_frames'] for item in clips.annotations] == [2, 12]
    assert clips.annotations[0]['stop'] == 12
    cut, out = clips.problems
    assert 'line 1: frames 10 to 19, but' in cut and 'cut to its end' in cut
    assert 'line 2: frames 12 to 19, but' in out and 'left out' in out


def test_part_2_has_its_classes_numbered_anew(part):
    part.add('A01N01-L', '50,0,5,2\n3,0,5,2\n51,0,6,2\n')
    # Its clip is left out, its class occurs.
    part.add('A02N01-M', '3,0,5,2\n10,90,95,2\n')
    part.lists(['A01N01-L'], ['A02N01-M'])
    clips, _, classes = part.convert(2)
    assert classes == [3, 10, 50, 51]
    assert [item['label'] for item in clips.annotations] == [2, 0, 3, 0]


def test_41_classes_in_ascending_order(part):
    ids = sorted(set(range(1, 52)) - {12, 14, 16, 18, 21, 24, 26, 27, 29, 38})
    rows = ''.join(f'{class_id},0,5,2\n' for class_id in reversed(ids))
    part.add('A01N01-L', rows)
    part.lists(['A01N01-L'], [])
    clips, _, classes = part.convert(2)
    assert classes == ids
    labels = [item['label'] for item in clips.annotations]
    assert labels == list(range(40, -1, -1))


def test_files_without_partner_and_malformed_ones(part):
    part.add('0002-L', '8,0,5,2\n')
    part.add('0003-L', '8,0,5,2\n9,0,5,2\n')
    (part.skeletons / '0003-L.txt').write_text('1 2 3\n')
    part.add('0004-L', '8,0,5,2\n')
    (part.labels / '0004-L.txt').unlink()
    part.add('0005-L', '8,0,5,2\n')
    (part.skeletons / '0005-L.txt').unlink()
    part.add('0006-L', '\n')
    part.lists(['0002-L', '0007-L'], ['0006-L'])
    clips = part.convert()[0]
    assert len(clips.annotations) == 1
    for fact in (
        'labels/0005-L.txt: no sequence 0005-L.txt',
        'split.txt: no sequence 0007-L.txt',
        'skeletons/0003-L.txt: line 1: 3 numbers, expected 150; its 2 clips',
        'skeletons/0004-L.txt: no label file',
        'labels/0006-L.txt: no rows',
    ):
        assert any(fact in problem for problem in clips.problems), fact
    assert len(clips.problems) == 5


def test_not_finite(part):
    joints = sequence()
    joints[0, 3] = np.nan
    part.add('0002-L', '8,0,3,2\n8,3,5,2\n', joints)
    part.lists(['0002-L'], [])
    clips = part.convert()[0]
    assert len(clips.annotations) == 1
    assert 'line 2: coordinates that are NaN' in clips.problems[0]


def test_unfit_input(part):
    part.add('0002-L', '8,0,5,2\n')
    part.lists(['0003-L'], [])
    with pytest.raises(ConversionError, match='is listed for training'):
        part.convert()
    with pytest.raises(ConversionError, match='PKU-MMD II'):
        part.convert(2)
    part.lists(['0002-L'], [])
    (part.labels / '0002-L.txt').write_text('8,5,1,2\n')
    with pytest.raises(ConversionError, match='none of the 1 label rows'):
        part.convert()
    with pytest.raises(ValueError, match='interval'):
        part.convert(interval='both')
    (part.labels / 'notes.txt').touch()
    with pytest.raises(ConversionError, match='notes.txt'):
        part.convert()
