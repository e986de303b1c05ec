"""Every defect is found, named, and as severe as it is."""

import os
import pickle

import numpy as np
import pytest

from deeprank_mm.datasets import SkeletonDataset, UnsafeAnnotationError
from deeprank_mm.datasets.check import check_contents, check_file


def clip(i, **changes):
    rng = np.random.default_rng(i)
    item = dict(
        frame_dir=f's{i:02d}',
        label=i % 2,
        keypoint=rng.normal(size=(1, 12, 5, 3)).astype(np.float32),
        total_frames=12,
        subject=i // 4,
    )
    item.update(changes)
    return {key: value for key, value in item.items() if value is not ...}


def clips(count=8):
    return [clip(i) for i in range(count)]


def contents(**changes):
    """Subjects 0 to 2 train, 3 and 4 test."""
    names = [f's{i:02d}' for i in range(20)]
    content = dict(
        split=dict(xsub_train=names[:12], xsub_val=names[12:]),
        annotations=clips(20),
    )
    return {**content, **changes}


def found(content, **options):
    """Severity and names by check."""
    report = check_contents(content, **options)
    return {
        finding.check: (finding.severity, [name for name, _ in finding.where])
        for finding in report.findings
    }


def test_nothing_is_wrong_with_a_good_file():
    assert found(contents(), num_classes=2) == {}
    assert found(clips()) == {}


def test_coordinates_that_no_transform_knows():
    item = clip(0, keypoint=keypoint((1, 12, 5, 7)))
    assert found([item]) == dict(coordinates=('error', ['s00']))


def test_compressed_poses_are_sound():
    poses = dict(
        keypoint=np.ones((6, 5, 3), np.float16), frame_inds=np.arange(6)
    )
    assert found([clip(0, **poses)]) == {}


def keypoint(shape=(1, 12, 5, 3), fill=None, dtype=np.float32):
    if fill is not None:
        return np.full(shape, fill, dtype)
    return np.random.default_rng(9).normal(size=shape).astype(dtype)


def with_hole(value, *where):
    array = keypoint((2, 12, 5, 3))
    array[where] = value
    return array


SAMPLE_DEFECTS = [
    (dict(frame_dir=...), 'no_id', 'error', '#3'),
    (dict(frame_dir=''), 'no_id', 'error', '#3'),
    (dict(frame_dir='a\0'), 'no_id', 'error', '#3'),
    (dict(frame_dir='\ud800'), 'no_id', 'error', '#3'),
    (dict(keypoint=...), 'no_keypoint', 'error', 's03'),
    (dict(keypoint=keypoint((1, 0, 5, 3))), 'empty_clip', 'error', 's03'),
    (dict(keypoint=keypoint((0, 12, 5, 3))), 'empty_clip', 'error', 's03'),
    (dict(keypoint=keypoint((12, 5, 3))), 'wrong_shape', 'error', 's03'),
    (dict(keypoint=[[1.0]]), 'wrong_shape', 'error', 's03'),
    (dict(keypoint=np.array(['a'])), 'wrong_shape', 'error', 's03'),
    (dict(keypoint=with_hole(np.nan, 0, 1)), 'not_finite', 'error', 's03'),
    (dict(keypoint=with_hole(-np.inf, 0, 1)), 'not_finite', 'error', 's03'),
    (
        dict(keypoint=with_hole(0, 0, 1).astype(np.float64) * 1e300),
        'not_finite',
        'error',
        's03',
    ),
    (
        dict(keypoint_score=np.full((1, 12, 5), np.nan)),
        'not_finite',
        'error',
        's03',
    ),
    (dict(keypoint_score=np.ones((1, 11, 5))), 'bad_score', 'error', 's03'),
    (dict(keypoint_score='high'), 'bad_score', 'error', 's03'),
    (dict(total_frames=13), 'bad_total_frames', 'error', 's03'),
    (dict(total_frames=0), 'bad_total_frames', 'error', 's03'),
    (dict(total_frames='12'), 'bad_total_frames', 'error', 's03'),
    (dict(total_frames=11), 'low_total_frames', 'warning', 's03'),
    (dict(total_frames=...), 'no_total_frames', 'warning', 's03'),
    (dict(keypoint=keypoint(fill=0)), 'nobody', 'error', 's03'),
    (
        dict(keypoint=keypoint((1, 1, 5, 3)), total_frames=1),
        'one_frame',
        'warning',
        's03',
    ),
    (
        dict(keypoint=keypoint((1, 9, 5, 3)), total_frames=9),
        'few_frames',
        'warning',
        's03',
    ),
    (dict(keypoint=with_hole(0, 1)), 'absent_person', 'warning', 's03'),
    (
        dict(keypoint=with_hole(0, slice(None), 4)),
        'empty_frames',
        'warning',
        's03',
    ),
    (dict(keypoint=with_hole(0, 0, 4, 2)), 'zero_joints', 'warning', 's03'),
    (dict(keypoint=keypoint() * 1e5), 'huge_coordinates', 'warning', 's03'),
    (dict(label=-1), 'bad_label', 'error', 's03'),
    (dict(label=2), 'bad_label', 'error', 's03'),
    (dict(label='walk'), 'bad_label', 'error', 's03'),
    (dict(label=1.0), 'bad_label', 'error', 's03'),
    (dict(label=True), 'bad_label', 'error', 's03'),
    (dict(label=10**400), 'bad_label', 'error', 's03'),
    (dict(label=...), 'no_label', 'error', 's03'),
    (
        dict(keypoint=keypoint((1, 12, 6, 3))),
        'different_joints',
        'error',
        's03',
    ),
    (
        dict(keypoint=keypoint((1, 12, 5, 2))),
        'different_coordinates',
        'error',
        's03',
    ),
]


@pytest.mark.parametrize('changes, check, severity, name', SAMPLE_DEFECTS)
def test_one_bad_sample(changes, check, severity, name):
    annotations = clips()
    annotations[3] = clip(3, **changes)
    result = found(annotations, num_classes=2)
    assert result[check] == (severity, [name])
    # one defect, one finding; what has no label is no class either
    assert set(result) - {check} <= {'no_label'}


def test_what_is_an_error_to_the_checker_is_one_to_the_data_set(tmp_path):
    # The other way round than training: nothing is reported as an error
    # that SkeletonDataset would read without a word.
    spared = {'nobody', 'different_joints', 'different_coordinates'}
    spared |= {'no_label'}  # pretraining needs none
    for changes, check, severity, _ in SAMPLE_DEFECTS:
        annotations = clips()
        annotations[3] = clip(3, **changes)
        path = tmp_path / 'file.pkl'
        path.write_bytes(pickle.dumps(annotations))
        refused = False
        try:
            data = SkeletonDataset(str(path), [], num_classes=2)
            for i in range(len(data)):
                data[i]
        except ValueError:
            refused = True
        assert refused == (severity == 'error' and check not in spared), check


def test_all_defects_in_one_pass():
    annotations = [clip(i, **d[0]) for i, d in enumerate(SAMPLE_DEFECTS)]
    result = found(annotations, num_classes=2)
    assert {d[1] for d in SAMPLE_DEFECTS} <= set(result)


def test_severity_comes_first():
    annotations = clips()
    annotations[3] = clip(3, total_frames=..., label=7)
    report = check_contents(annotations, num_classes=2)
    assert [f.severity for f in report.findings] == ['error', 'warning']
    assert report.count('error') == report.count('warning') == 1


def test_details_say_what_is_wrong_there():
    annotations = clips()
    annotations[3] = clip(3, total_frames=40)
    (finding,) = check_contents(annotations).findings
    assert 'total_frames=40' in finding.where[0][1]
    assert finding.to_dict()['where'][0]['name'] == 's03'
    assert finding.to_dict()['count'] == 1


def test_labels_may_be_missing_in_pretraining():
    result = found([clip(i, label=...) for i in range(3)])
    assert result == dict(no_label=('warning', ['s00', 's01', 's02']))


def test_duplicate_ids():
    result = found(clips(4) + [clip(2, label=1)])
    assert result['duplicate_ids'] == ('error', ['s02'])


@pytest.mark.parametrize(
    'content, check, name',
    [
        ('text', 'form', 'annotations'),
        (None, 'form', 'annotations'),
        ([], 'form', 'annotations'),
        (dict(split={}), 'form', 'annotations'),
        (contents(split=3), 'form', 'split'),
        (contents(split=dict(train='s00')), 'form', "split 'train'"),
        (contents(split=dict(train=None)), 'form', "split 'train'"),
        ([1, clip(1)], 'no_dict', '#0'),
    ],
)
def test_malformed_file(content, check, name):
    assert found(content)[check] == ('error', [name])


def test_splits():
    content = contents()
    content['split']['xsub_train'] += ['s00', 'ghost', 'ghost']
    content['split']['empty'] = ['ghost']
    del content['split']['xsub_val'][-1]
    result = found(content)
    assert result['unknown_ids'][0] == 'warning'
    assert result['repeated_ids'] == ('warning', ['s00', 'ghost'])
    assert result['empty_split'] == ('error', ['empty'])
    assert result['in_no_split'] == ('note', ['s19'])


def test_a_sample_in_training_and_in_its_test():
    content = contents()
    content['split']['xsub_val'].append('s03')
    result = found(content)
    assert result['common_samples'] == ('error', ['s03'])
    assert result['common_subjects'] == ('error', ['0'])
    assert not found(content, train='xsub_val').keys() & {'common_samples'}


@pytest.mark.parametrize(
    'names, severity',
    [
        (('xsub_train', 'xsub_val'), 'error'),
        (('cross-subject train', 'cross-subject test'), 'error'),
        (('xview_train', 'xview_val'), 'note'),
        (('train', 'test'), 'note'),
    ],
)
def test_a_subject_on_both_sides(names, severity):
    content = contents()
    content['split'] = dict(zip(names, content['split'].values()))
    content['annotations'][0]['subject'] = 4
    assert found(content) == dict(common_subjects=(severity, ['4']))


def test_named_splits_are_compared_whatever_their_names():
    content = contents()
    content['split'] = dict(a=['s00', 's01'], b=['s01'])
    assert 'common_samples' not in found(content)
    result = found(content, train='a', test='b')
    assert result['common_samples'] == ('error', ['s01'])
    with pytest.raises(ValueError, match=r"no split 'c'.*\['a', 'b'\]"):
        found(content, train='c')


def test_subjects_from_ntu_names():
    content = contents()
    for i, item in enumerate(content['annotations']):
        del item['subject']
        item['frame_dir'] = f'S001C001P{i // 4:03d}R{i:03d}A001'
    names = [item['frame_dir'] for item in content['annotations']]
    content['split'] = dict(xsub_train=names[:13], xsub_val=names[13:])
    assert found(content) == dict(common_subjects=('error', ['3']))


def test_unknown_subjects_of_a_cross_subject_split():
    content = contents(annotations=[clip(i, subject=...) for i in range(20)])
    assert found(content)['unknown_subjects'][0] == 'warning'


def test_classes_that_nobody_trains():
    content = contents()
    content['annotations'][15]['label'] = 3
    assert found(content) == dict(untrained_classes=('warning', ['2', '3']))
    result = found(content, num_classes=6)
    assert result['untrained_classes'][1] == ['2', '3', '4', '5']


@pytest.mark.parametrize(
    'copy, label, check, severity',
    [
        (1, 1, 'identical_clips', 'warning'),
        (1, 0, 'identical_of_different_classes', 'error'),
        (13, 1, 'identical_in_train_and_test', 'error'),
    ],
)
def test_identical_clips(copy, label, check, severity):
    content = contents()
    original, other = (content['annotations'][i] for i in (3, copy))
    other.update(keypoint=original['keypoint'].copy(), label=label)
    names = [f's{max(3, copy):02d}']
    assert found(content)[check] == (severity, names)


def test_a_hostile_file_is_named_and_does_not_run(tmp_path):
    trace = tmp_path / 'trace'

    class Attack:
        def __reduce__(self):
            return os.system, (f'touch {trace}',)

    path = tmp_path / 'hostile.pkl'
    path.write_bytes(pickle.dumps(contents(annotations=[Attack()])))
    (finding,) = check_file(str(path)).findings
    assert finding.check == 'runs_code' and finding.severity == 'error'
    assert finding.where[0][0].endswith('.system')
    assert not trace.exists()


def test_unreadable_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        check_file(str(tmp_path / 'none.pkl'))
    path = tmp_path / 'cut.pkl'
    path.write_bytes(pickle.dumps(contents())[:-40])
    with pytest.raises(UnsafeAnnotationError, match='damaged'):
        check_file(str(path))
