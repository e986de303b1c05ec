"""Reading, cutting and refusing annotations."""

import os
import pickle

import numpy as np
import pytest
from mmaction.datasets import PoseDataset
from mmaction.registry import DATASETS
from mmengine.config import ConfigDict
from mmengine.dataset import ClassBalancedDataset
from mmengine.logging import MMLogger

from deeprank_mm.datasets import SkeletonDataset, UnsafeAnnotationError


def sample(i, **changes):
    item = dict(
        frame_dir=f's{i:02d}',
        label=i % 3,
        keypoint=np.full((1, 4, 5, 3), i, np.float32),
        total_frames=4,
        subject=i % 4,
    )
    item.update(changes)
    return {key: value for key, value in item.items() if value is not ...}


def samples(n=24, **changes):
    return [sample(i, **changes) for i in range(n)]


@pytest.fixture
def write(tmp_path):
    def write(annotations, split=None):
        path = str(tmp_path / 'file.pkl')
        content = annotations
        if split is not None:
            content = dict(split=split, annotations=annotations)
        with open(path, 'wb') as file:
            pickle.dump(content, file, protocol=4)
        return path

    return write


@pytest.fixture
def whole(write):
    annotations = samples()
    ids = [a['frame_dir'] for a in annotations]
    return write(annotations, dict(train=ids[::-1][:20], val=ids[:4]))


def build(path, split=None, **kwargs):
    return SkeletonDataset(path, kwargs.pop('pipeline', []), split, **kwargs)


# What a good file gives


@pytest.mark.parametrize('serialize', [True, False])
def test_like_the_stock_class(whole, serialize):
    stock = PoseDataset(whole, [], 'train', serialize_data=serialize)
    ours = DATASETS.build(
        dict(
            type='SkeletonDataset',
            ann_file=whole,
            pipeline=[],
            split='train',
            serialize_data=serialize,
        )
    )
    assert len(ours) == len(stock) == 20
    assert bool(ours.data_list) is not serialize  # shared by the workers
    for i in (0, 7, -1):
        a, b = stock[i], ours[i]
        assert b.pop('sample_id') == a['frame_dir'] == ours.sample_ids[i]
        assert a['sample_idx'] == b['sample_idx'] == i % 20
        assert a.keys() == b.keys()
        np.testing.assert_array_equal(a.pop('keypoint'), b.pop('keypoint'))
        assert a == b
    assert ours.labels.tolist() == [stock[i]['label'] for i in range(20)]
    assert ours.labels.dtype == np.int64


def test_plain_list(write):
    data = build(write(samples(3)))
    assert data.sample_ids == ['s00', 's01', 's02']


def test_data_root_is_joined(whole):
    folder, name = os.path.split(whole)
    assert len(build(name, 'val', data_root=folder)) == 4


def test_filename_is_an_identifier_and_ids_know_no_prefix(write):
    annotations = samples(4, frame_dir=...)
    for i, item in enumerate(annotations):
        item['filename'] = f'v{i}.mp4'
    path = write(annotations, dict(train=['v1.mp4', 'v3.mp4']))
    data = build(path, 'train', data_prefix=dict(video='videos'))
    assert data.sample_ids == ['v1.mp4', 'v3.mp4']
    assert data[1]['filename'] == os.path.join('videos', 'v3.mp4')
    assert data[1]['sample_id'] == 'v3.mp4'


def test_integers_are_names_too(write):
    path = write(samples(1, frame_dir=np.int64(7)), dict(train=[7]))
    assert build(path, 'train').sample_ids == ['7']


@pytest.mark.parametrize('label', [..., None])
def test_without_labels(write, label):
    data = build(write(samples(4, label=label)), num_classes=3)
    assert 'label' not in data[0]
    with pytest.raises(ValueError, match='label'):
        data.labels  # noqa: B018


def test_total_frames_is_filled_in(write):
    assert build(write(samples(1, total_frames=...)))[0]['total_frames'] == 4


@pytest.mark.parametrize('serialize', [True, False])
def test_padding_is_left_out(write, serialize):
    keypoint = np.arange(60, dtype=np.float32).reshape(1, 4, 5, 3)
    padded = dict(
        keypoint=np.pad(keypoint, ((0, 0), (0, 6), (0, 0), (0, 0))),
        keypoint_score=np.ones((1, 10, 5), np.float32),
    )
    data = build(write(samples(2, **padded)), serialize_data=serialize)
    np.testing.assert_array_equal(data[0]['keypoint'], keypoint)
    assert data[0]['keypoint_score'].shape == (1, 4, 5)


def test_people_that_the_pipeline_leaves_out_are_counted(write, caplog):
    keypoint = np.ones((2, 4, 5, 3), np.float32)
    annotations = samples(4)
    annotations[1]['keypoint'] = keypoint
    annotations[2]['keypoint'] = keypoint * [[[[1]]], [[[0]]]]
    path = write(annotations)

    def said(number):
        caplog.clear()
        step = dict(type='mmaction.FormatGCNInput', num_person=number)
        with caplog.at_level('WARNING', 'mmengine'):
            build(path, pipeline=[step])
        return caplog.text

    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        assert '1 of 4 samples show more people than num_person=1' in said(1)
        assert "'s01'" in said(1) and "'s02'" not in said(1)
        assert 'more people' not in said(2)
    finally:
        logger.removeHandler(caplog.handler)


def test_one_frame_and_half_precision(write):
    keypoint = np.full((2, 1, 5, 3), 60000, np.float16)
    data = build(write(samples(1, keypoint=keypoint, total_frames=1)))
    assert data[0]['keypoint'].shape == (2, 1, 5, 3)  # a sum would overflow


def test_valid_ratio_and_box_thr_of_the_parent(write):
    annotations = samples(6)
    for i, item in enumerate(annotations):
        item['valid'] = {0.5: 4, 0.7: i % 4}
        item['box_score'] = np.array([0.9, 0.6])
    path = write(annotations)
    stock = PoseDataset(path, [], valid_ratio=0.5, box_thr=0.7)
    ours = build(path, valid_ratio=0.5, box_thr=0.7)
    assert ours.sample_ids == [
        stock[i]['frame_dir'] for i in range(len(stock))
    ]
    assert ours.sample_ids == ['s02', 's03']
    assert ours[0]['anno_inds'].tolist() == [True, False]
    with pytest.raises(ValueError, match='valid_ratio'):
        build(path, valid_ratio=0.9, box_thr=0.7)


def test_kinetics_poses_in_files_of_their_own(write, tmp_path):
    compact = dict(
        keypoint=np.ones((6, 17, 3), np.float16),
        frame_inds=np.array([0, 0, 1, 1, 2, 2]),
    )
    (tmp_path / 's01.pkl').write_bytes(pickle.dumps(compact))
    path = write(samples(2, keypoint=...))
    data = build(path, data_prefix=dict(skeleton=str(tmp_path)))
    assert data[1]['keypoint'].shape == (6, 17, 3)
    with pytest.raises(FileNotFoundError, match='s00'):
        data[0]
    (tmp_path / 's00.pkl').write_bytes(b'cos\nsystem\n(S"false"\ntR.')
    with pytest.raises(UnsafeAnnotationError, match='s00'):
        data[0]


def test_lazy(whole):
    data = build(whole, 'train', lazy_init=True)
    assert not data._fully_initialized
    assert len(data.sample_ids) == len(data.labels) == 20


@pytest.mark.parametrize('serialize', [True, False])
def test_index_follows_the_data(whole, serialize):
    def check(data):
        infos = [data.get_data_info(i) for i in range(len(data))]
        assert data.sample_ids == [info['sample_id'] for info in infos]
        assert data.labels.tolist() == [info['label'] for info in infos]

    for indices in (5, -5, [3, 1, 7]):
        kwargs = dict(serialize_data=serialize)
        check(build(whole, 'train', indices=indices, **kwargs))
        data = build(whole, 'train', **kwargs)
        check(data.get_subset(indices))
        check(data)
        data.get_subset_(indices)
        check(data)
        assert len(data) == len(indices) if isinstance(indices, list) else 5


def test_class_balanced_wrapper(whole):
    data = build(whole, 'train')
    assert data.get_cat_ids(3) == [data[3]['label']]
    assert len(ClassBalancedDataset(data, 0.5)) >= 20


# Parts


@pytest.mark.parametrize('seed', range(4))
def test_subjects_are_on_one_side(whole, seed):
    def part(name):
        options = dict(part=name, fraction=0.3, seed=seed)
        return build(whole, 'train', holdout=ConfigDict(options))

    train, held_out = part('train'), part('holdout')
    everything = build(whole, 'train').sample_ids
    assert sorted(train.sample_ids + held_out.sample_ids) == everything
    a, b = (
        {d[i]['subject'] for i in range(len(d))} for d in (train, held_out)
    )
    assert len(b) == 1 and not a & b
    # sample_idx counts within a part; only sample_id is stable.
    assert held_out[0]['sample_idx'] == train[0]['sample_idx'] == 0
    assert held_out[0]['sample_id'] != train[0]['sample_id']


def test_order_of_the_file_does_not_matter(write):
    options = dict(
        holdout=dict(part='train', fraction=0.3, group=None),
        labelled=dict(fraction=0.5, seed=2),
    )
    annotations = samples()
    first = build(write(annotations), **options).sample_ids
    np.random.default_rng(0).shuffle(annotations)
    assert sorted(build(write(annotations), **options).sample_ids) == first


def test_samples_are_held_out_without_subjects(write):
    path = write(samples(10, subject=...))
    held_out = build(
        path, holdout=dict(part='holdout', fraction=0.2, group=None)
    )
    assert len(held_out) == 2
    with pytest.raises(ValueError, match="'s00'.*group=None"):
        build(path, holdout=dict(part='holdout', fraction=0.2))


def test_any_field_can_be_held_out_as_a_whole(write):
    annotations = samples(12)
    for i, item in enumerate(annotations):
        item['recording'] = f'take{i % 3}'
    path = write(annotations)
    parts = [
        build(path, holdout=dict(part=part, fraction=0.3, group='recording'))
        for part in ('train', 'holdout')
    ]
    takes = [
        {part[i]['recording'] for i in range(len(part))} for part in parts
    ]
    assert [len(t) for t in takes] == [2, 1]
    assert not takes[0] & takes[1]
    with pytest.raises(ValueError, match="no room: neither a field 'room'"):
        build(path, holdout=dict(part='train', fraction=0.3, group='room'))


def test_holdout_does_not_depend_on_valid_ratio(write):
    annotations = samples(20)
    for i, item in enumerate(annotations):
        item.update(valid={0.5: i % 5}, box_score=np.ones(1))
    path = write(annotations)
    options = dict(fraction=0.3, group=None)
    held_out = build(path, holdout=dict(part='holdout', **options))
    train = build(path, valid_ratio=0.5, holdout=dict(part='train', **options))
    assert not set(train.sample_ids) & set(held_out.sample_ids)


def test_ntu_names_tell_the_subject(write):
    annotations = samples(6, subject=...)
    for i, item in enumerate(annotations):
        item['frame_dir'] = f'd/S001C00{i}P{i % 3:03d}R001A001_rgb'
    # One says it itself, as a number.
    annotations[0]['subject'] = 0
    data = build(
        write(annotations), holdout=dict(part='holdout', fraction=0.3)
    )
    subjects = {int(name.split('P')[1][:3]) for name in data.sample_ids}
    assert len(data) == 2 and len(subjects) == 1


def test_labelled_subset(whole):
    small = build(whole, 'train', labelled=dict(fraction=0.2))
    large = build(whole, 'train', labelled=dict(fraction=0.6))
    assert set(small.sample_ids) < set(large.sample_ids)
    assert np.bincount(small.labels).tolist() == [1, 1, 1]
    other = build(whole, 'train', labelled=dict(fraction=0.2, seed=5))
    assert other.sample_ids != small.sample_ids


def test_labelled_within_a_part(whole):
    options = dict(part='train', fraction=0.3)
    data = build(whole, 'train', holdout=options, labelled=dict(fraction=0.4))
    part = build(whole, 'train', holdout=options)
    assert set(data.sample_ids) < set(part.sample_ids)


def test_labelled_by_a_list_of_ids(whole, tmp_path):
    path = tmp_path / 'ids.txt'
    path.write_text('s09\ns05\n')
    options = dict(file=str(path))
    # in the order of the annotations, whatever that of the list
    data = build(whole, 'train', labelled=ConfigDict(options))
    assert data.sample_ids == ['s05', 's09']
    # s00 is in the file of annotations, but not in this split
    path.write_text('s05\ns00\nnobody\n')
    with pytest.raises(ValueError, match=r"2 of 3 .*'train'.*'nobody', 's00'"):
        build(whole, 'train', labelled=options)
    held_out = build(
        whole, 'train', holdout=dict(part='holdout', fraction=0.3)
    ).sample_ids
    path.write_text('\n'.join(held_out))
    with pytest.raises(ValueError, match='not in the part of it'):
        build(
            whole,
            'train',
            labelled=options,
            holdout=dict(part='train', fraction=0.3),
        )


@pytest.mark.parametrize(
    'options, error, match',
    [
        (dict(labelled=dict(file='x', seed=1)), TypeError, 'nothing else'),
        (dict(labelled=dict(file='gone.txt')), OSError, 'gone.txt'),
        (dict(holdout=dict(fraction=0.2)), TypeError, 'part'),
        (dict(holdout=dict(part='train')), TypeError, 'fraction'),
        (dict(holdout=dict(part='val', fraction=0.2)), ValueError, 'val'),
        (
            dict(holdout=dict(part='train', fraction=0.2, group=3)),
            ValueError,
            'group must be the name',
        ),
        (
            dict(holdout=dict(part='train', fraction=0.2, sed=1)),
            TypeError,
            'sed',
        ),
        (dict(holdout=0.2), TypeError, 'holdout'),
        (dict(holdout=dict(part='train', fraction=1.0)), ValueError, '1.0'),
        (dict(labelled=dict()), TypeError, 'fraction'),
        (dict(labelled=0.1), TypeError, 'labelled'),
        (dict(labelled=dict(fraction=0)), ValueError, 'fraction'),
        (dict(labelled=dict(fraction='x')), ValueError, "fraction.*'x'"),
        (dict(labelled=dict(fraction=True)), ValueError, 'fraction.*True'),
        (dict(holdout=dict(part='train', fraction=[])), ValueError, 'fract'),
        (dict(data_prefix=dict(video=3)), TypeError, 'data_prefix'),
        (dict(num_classes=0), ValueError, 'num_classes'),
        (dict(multi_class=True), ValueError, 'needs num_classes'),
        (dict(valid_ratio=2), ValueError, 'valid_ratio'),
        (dict(box_thr=0.55), ValueError, 'box_thr'),
        (dict(num_class=3), TypeError, "no argument 'num_class'"),
    ],
)
def test_malformed_options(whole, options, error, match):
    with pytest.raises(error, match=match):
        build(whole, 'train', **options)


def test_one_subject_cannot_be_split(write):
    with pytest.raises(ValueError, match='file.pkl.*one group'):
        build(
            write(samples(3, subject=1)),
            holdout=dict(part='train', fraction=0.5),
        )


# What a bad file gives


@pytest.mark.parametrize('test_mode', [True, False])
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_coordinates_that_are_not_finite(write, value, test_mode):
    annotations = samples(3)
    annotations[1]['keypoint'][0, 2, 3, 1] = value
    data = build(write(annotations), test_mode=test_mode)
    data[0], data[2]
    with pytest.raises(ValueError, match="'s01'.*NaN"):
        data[1]


def test_exceptions_of_the_pipeline_are_not_swallowed(write):
    def broken(results):
        raise RuntimeError(results['sample_id'])

    data = build(write(samples(3)), pipeline=[broken], test_mode=False)
    with pytest.raises(RuntimeError, match='s02'):
        data[2]


@pytest.mark.parametrize(
    'changes, match',
    [
        (dict(keypoint=...), 'keypoint'),
        (dict(keypoint=[[1.0]]), 'list'),
        (dict(keypoint=np.array(['a'])), 'numbers'),
        (dict(keypoint=np.ones((4, 5, 3))), r'\(4, 5, 3\)'),
        (dict(keypoint=np.ones((0, 4, 5, 3))), 'no people'),
        (dict(keypoint=np.ones((1, 0, 5, 3))), 'no frames'),
        (dict(total_frames=5), 'total_frames=5'),
        (dict(total_frames=0), 'total_frames=0'),
        (dict(total_frames='4'), "total_frames='4'"),
        (dict(total_frames=None), 'total_frames=None'),
        (dict(keypoint_score='high'), 'keypoint_score.*str'),
        (dict(keypoint_score=np.ones((1, 4, 6))), r'\(1, 4, 6\)'),
        (dict(label=3), 'label 3.*0 to 2'),
        (dict(label=-1), 'label -1'),
        (dict(label='walk'), "'walk'"),
        (dict(label=1.0), '1.0'),
        (dict(label=True), 'True'),
        (dict(label=[1, 2]), r'\[1, 2\]'),
    ],
)
def test_malformed_sample(write, changes, match):
    annotations = samples(3)
    annotations[1] = sample(1, **changes)
    with pytest.raises(ValueError, match=match) as info:
        build(write(annotations), num_classes=3)
    assert "'s01'" in str(info.value) and 'file.pkl' in str(info.value)


@pytest.mark.parametrize(
    'frame_dir', [..., '', None, True, 1.5, 'a\0', '\ud800', 2**70]
)
def test_sample_without_id(write, frame_dir):
    annotations = samples(3)
    annotations[2] = sample(2, frame_dir=frame_dir)
    with pytest.raises(ValueError, match='annotation 2 .*frame_dir'):
        build(write(annotations))


def test_missing_label_when_labels_are_asked_for(write):
    annotations = samples(5)
    annotations[3] = sample(3, label=...)
    path = write(annotations)
    assert len(build(path)) == 5
    with pytest.raises(ValueError, match="'s03'.*label"):
        build(path, labelled=dict(fraction=0.5))


def test_multi_class_has_no_single_labels(write):
    path = write(samples(3, label=[0, 2]))
    data = build(path, multi_class=True, num_classes=3)
    assert data[0]['label'].tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match='label'):
        data.labels  # noqa: B018
    with pytest.raises(ValueError, match="'s00'.*label 2"):
        build(path, multi_class=True, num_classes=2)


@pytest.mark.parametrize('label', [-1, 2**40])
def test_labels_that_no_tensor_can_hold(write, label):
    annotations = samples(3)
    annotations[1] = sample(1, label=label)
    with pytest.raises(ValueError, match="'s01'.*leave the label out"):
        build(write(annotations))


@pytest.mark.parametrize('key', ['frame_dir', 'label', 'total_frames'])
def test_integers_that_python_does_not_print(write, key):
    with pytest.raises(ValueError, match='a huge int'):
        build(write([sample(0, **{key: 10**5000})]))


@pytest.mark.parametrize('key', ['keypoint', 'keypoint_score'])
def test_numbers_that_float32_cannot_hold(write, key):
    annotations = samples(3, keypoint_score=np.ones((1, 4, 5)))
    annotations[1][key] = annotations[1][key] * np.float64(1e39)
    data = build(write(annotations))
    with pytest.raises(ValueError, match="'s01'.*infinite"):
        data[1]


def test_labels_may_be_numpy_integers(write):
    item = build(write(samples(1, label=np.int64(2))))[0]
    assert type(item['label']) is int and item['label'] == 2
    for label in (np.array([0, 2]), (np.int8(0), 2)):
        path = write(samples(1, label=label))
        data = build(path, multi_class=True, num_classes=3)
        assert data[0]['label'].tolist() == [1, 0, 1]


@pytest.mark.parametrize('label', [None, 1, ...])
def test_multi_class_needs_a_list(write, label):
    # None would have become all classes at once
    path = write(samples(3, label=label))
    with pytest.raises(ValueError, match="'s00'.*list of classes"):
        build(path, multi_class=True, num_classes=3)


@pytest.mark.parametrize('members', [None, 's00', 3, dict(a=1)])
def test_a_split_that_is_no_list(write, members):
    path = write(samples(3), dict(train=members))
    with pytest.raises(ValueError, match="'train'.*expected a list"):
        build(path, 'train')


@pytest.mark.parametrize(
    'changes, match',
    [
        (dict(), 'no number of valid frames'),
        (dict(valid={0.5: 'x'}), 'no number of valid frames'),
        (dict(valid=3), 'no number of valid frames'),
        (dict(valid={0.5: 3}), 'box_score'),
    ],
)
def test_valid_ratio_without_what_it_needs(write, changes, match):
    path = write([sample(0, **changes)])
    with pytest.raises(ValueError, match=f"'s00'.*{match}"):
        build(path, valid_ratio=0.5)


def test_valid_ratio_may_be_an_integer(write):
    item = sample(0, valid={0.5: 3}, box_score=np.ones(1))
    with pytest.raises(ValueError, match='valid_ratio'):
        build(write([item]), valid_ratio=1)


@pytest.mark.parametrize('indices', [0, [], [3], [-4]])
def test_indices_that_choose_nothing(write, indices):
    with pytest.raises(ValueError, match='has 3 samples to choose from'):
        build(write(samples(3)), indices=indices)


def test_repeated_ids(write):
    annotations = samples(4) + samples(2)
    with pytest.raises(ValueError, match="2 sample id.*'s00', 's01'"):
        build(write(annotations))
    # Only within the split does it matter.
    path = write(annotations, dict(good=['s02', 's03'], bad=['s01']))
    assert len(build(path, 'good')) == 2
    with pytest.raises(ValueError, match="'s01'"):
        build(path, 'bad')


def test_split_that_names_samples_without_annotation(write):
    path = write(samples(3), dict(train=['s00', 'x', 'y'], val=['x', 'y']))
    assert build(path, 'train').sample_ids == ['s00']
    with pytest.raises(ValueError, match="2 samples and none.*'x', 'y'"):
        build(path, 'val')


def test_warning_of_missing_annotations(write, monkeypatch):
    from mmengine.logging import MMLogger

    said = []
    monkeypatch.setattr(
        MMLogger.get_current_instance(), 'warning', said.append
    )
    build(write(samples(3), dict(train=['s00', 'x', 'y'])), 'train')
    assert len(said) == 1 and '2 of 3' in said[0] and "'x', 'y'" in said[0]


@pytest.mark.parametrize(
    'annotations, splits, split, match',
    [
        (samples(2), dict(a=['s00'], b=['s01']), 'c', r"'c'.*\['a', 'b'\]"),
        (samples(2), dict(a=['s00'], b=['s01']), None, r"\['a', 'b'\]"),
        (samples(2), dict(a=[]), 'a', 'empty'),
        (samples(2), None, 'a', "'a'"),
        ([], None, None, 'no annotations'),
        ([], dict(a=['s00']), 'a', 'no annotations'),
        ('text', None, None, 'neither'),
        (dict(a=1), None, None, 'neither'),
        (samples(2), ['a'], 'a', 'neither'),
        ([1, 2], None, None, 'annotation 0'),
    ],
)
def test_malformed_file(write, annotations, splits, split, match):
    with pytest.raises(ValueError, match=match) as info:
        build(write(annotations, splits), split)
    assert 'file.pkl' in str(info.value)


def test_missing_and_hostile_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.pkl'):
        build(str(tmp_path / 'none.pkl'))
    path = tmp_path / 'hostile.pkl'
    path.write_bytes(b'cposix\nsystem\n(S"touch trace"\ntR.')
    with pytest.raises(UnsafeAnnotationError, match='posix.system'):
        build(str(path))


# Real data


def test_nw_ucla(nw_ucla_file):
    stock = PoseDataset(nw_ucla_file, [], 'xview_train')
    ours = build(nw_ucla_file, 'xview_train', num_classes=10)
    assert len(ours) == len(stock) == 1020
    assert len(build(nw_ucla_file, 'xview_val')) == 464
    options = dict(fraction=0.2, seed=0)
    parts = [
        build(nw_ucla_file, 'xview_train', holdout=dict(part=p, **options))
        for p in ('train', 'holdout')
    ]
    assert sum(map(len, parts)) == 1020
    subjects = [{name[4:7] for name in p.sample_ids} for p in parts]
    assert [len(s) for s in subjects] == [8, 2]
    assert not subjects[0] & subjects[1]
    tenth = build(nw_ucla_file, 'xview_train', labelled=dict(fraction=0.1))
    expected = [round(n * 0.1) for n in np.bincount(ours.labels)]
    assert np.bincount(tenth.labels).tolist() == expected


# Copies of another split


def test_copies_of_test_samples_are_left_out(write):
    annotations = samples(8)
    annotations[2]['keypoint'] = annotations[6]['keypoint'].copy()
    split = dict(
        train=[f's{i:02d}' for i in range(5)],
        val=[f's{i:02d}' for i in range(5, 8)],
    )
    path = write(annotations, split)
    kept = build(path, 'train', without_copies_of='val').sample_ids
    assert kept == ['s00', 's01', 's03', 's04']
    # padding makes no difference
    annotations[6]['keypoint'] = np.pad(
        annotations[6]['keypoint'], ((0, 0), (0, 3), (0, 0), (0, 0))
    )
    path = write(annotations, split)
    assert build(path, 'train', without_copies_of='val').sample_ids == kept
    with pytest.raises(ValueError, match="'test' is no split"):
        build(path, 'train', without_copies_of='test')
    with pytest.raises(ValueError, match='all 5 samples are copies'):
        build(path, 'train', without_copies_of='train')


def test_copies_of_a_broken_split(write):
    annotations = samples(8)
    del annotations[6]['keypoint']
    names = [item['frame_dir'] for item in annotations]
    split = dict(train=names[:5], val=names[5:], odd=None)
    path = write(annotations, split)
    with pytest.raises(ValueError, match="'s06'.*no 'keypoint'"):
        build(path, 'train', without_copies_of='val')
    with pytest.raises(ValueError, match="'odd'.*expected a list"):
        build(path, 'train', without_copies_of='odd')


def test_nw_ucla_has_copies_across_its_split(nw_ucla_file):
    """A defect of the distributed files, which results must not hide."""
    whole = build(nw_ucla_file, 'xview_train')
    kept = build(nw_ucla_file, 'xview_train', without_copies_of='xview_val')
    assert len(whole) == 1020
    copies = set(whole.sample_ids) - set(kept.sample_ids)
    assert len(copies) == 95
    assert {name[:3] for name in copies} == {'a02', 'a03'}
