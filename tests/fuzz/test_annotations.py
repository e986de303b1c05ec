"""Whatever an annotation file holds: data within spec, or a clear error."""

import copy
import pickle
import pickletools

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from mmengine.registry import DefaultScope

from deeprank_mm.datasets import (
    SkeletonDataset,
    UnsafeAnnotationError,
    load_annotations,
)
from deeprank_mm.datasets.check import Report, check_contents, check_file
from tests import toy
from tests.fuzz.harness import clear, fuzz
from tests.fuzz.junk import ANYTHING, mangled


def content():
    """Six samples of every sort, in three splits."""
    annotations = toy.annotations(6)
    annotations[1]['keypoint'] = annotations[1]['keypoint'].repeat(2, axis=0)
    annotations[2]['keypoint_score'] = np.ones(
        annotations[2]['keypoint'].shape[:3], np.float32
    )
    del annotations[3]['total_frames']
    names = [item['frame_dir'] for item in annotations]
    split = dict(train=names[:4], val=names[4:], all=names)
    return dict(split=split, annotations=annotations)


GOOD = content()
KEYPOINTS = npst.arrays(
    st.sampled_from([np.float16, np.float32, np.float64, np.int32]),
    st.one_of(
        st.tuples(
            st.integers(1, 2), st.integers(1, 4), st.just(5), st.just(3)
        ),
        npst.array_shapes(min_dims=3, max_dims=4, min_side=0, max_side=5),
    ),
)


@st.composite
def values(draw):
    """As often something that could be there as something that could not."""
    return draw(KEYPOINTS if draw(st.booleans()) else ANYTHING)


@st.composite
def files(draw):
    """A good file with up to two things wrong; seldom something else."""
    kind = draw(st.integers(0, 11))
    if kind == 11:
        return draw(ANYTHING)
    original = GOOD if kind < 8 else GOOD['annotations']
    return draw(mangled(original, values(), most=2))


@st.composite
def options(draw):
    """Options of the data set, at most two of them of a wrong type."""
    given = dict(
        split=draw(st.sampled_from(['train', 'all'])),
        **draw(
            st.fixed_dictionaries(
                {},
                optional=dict(
                    holdout=mangled(HOLDOUT, most=1),
                    labelled=mangled(LABELLED, most=1),
                    indices=st.integers(-4, 4),
                    without_copies_of=st.sampled_from(['val', 'all']),
                    num_classes=st.integers(0, 3),
                    multi_class=st.booleans(),
                    test_mode=st.booleans(),
                    box_thr=st.sampled_from([0.5, 0.7, 0.8]),
                ),
            )
        ),
    )
    names = [*given, 'data_prefix', 'valid_ratio', 'lazy_init', 'max_refetch']
    for name in draw(st.lists(st.sampled_from(names), max_size=2)):
        given[name] = draw(ANYTHING)
    return given


HOLDOUT = dict(part='train', fraction=0.4, seed=1, group='subject')
LABELLED = dict(fraction=0.5, seed=1)


@pytest.fixture
def write(tmp_path):
    def write(data):
        path = tmp_path / 'file.pkl'
        path.write_bytes(pickle.dumps(data))
        return str(path)

    return write


def read_all(path, split, pipeline, **options):
    """Every sample of a split."""
    with DefaultScope.overwrite_default_scope('mmaction'):
        data = SkeletonDataset(
            path, pipeline, split=split, serialize_data=False, **options
        )
    return [data[i] for i in range(len(data))]


def test_the_file_itself_is_sound(write):
    for split in GOOD['split']:
        assert read_all(write(GOOD), split, toy.pipeline(), num_classes=2)
    assert not check_contents(GOOD, num_classes=2).count('error')


def splits_of(data):
    """The splits that a user would try."""
    splits = data.get('split') if isinstance(data, dict) else None
    return list(splits) if isinstance(splits, dict) else [None]


@fuzz(120, 2000, data=files(), classes=st.sampled_from([None, 2]))
def test_any_file_loads_or_says_why_not(data, classes, write):
    path = write(data)
    for split in splits_of(data):
        options = dict(num_classes=classes, test_mode=True)
        samples = clear(read_all, path, split, toy.pipeline(), **options)
        for sample in samples or ():
            assert sample['inputs'].shape[:4] == (1, 1, 8, 5)
            assert sample['inputs'].isfinite().all()
            assert sample['data_samples'].sample_id


@fuzz(120, 2500, data=files())
def test_the_checker_knows_what_the_data_set_refuses(data, write):
    path = write(data)
    report = check_file(path, num_classes=2)
    assert isinstance(report, Report)
    assert report.to_dict()['errors'] == report.count('error')
    if report.count('error'):
        return
    # no error: everything can be read and trained on
    for split in splits_of(data):
        for sample in read_all(path, split, [], num_classes=2):
            assert np.isfinite(sample['keypoint']).all()
            assert 0 <= sample['label'] < 2


@fuzz(100, 2000, given=options())
def test_any_options(given, write):
    given = copy.deepcopy(given)
    samples = clear(read_all, write(GOOD), pipeline=[], **given)
    for sample in samples or ():
        assert sample['sample_id'] and np.isfinite(sample['keypoint']).all()


SMALL = pickle.dumps(
    dict(a=[np.arange(3.0), np.float32(1), 'text', (1, 2.5, None), {3}])
)


def is_harmless(data):
    """No number in it that makes the unpickler itself take much memory."""
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if 'PUT' in opcode.name and int(argument) > 1e5:
                return False
    except Exception:
        pass
    return True


@fuzz(
    80,
    1500,
    edits=st.lists(
        st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)),
        max_size=4,
    ),
    cut=st.integers(0, len(SMALL)),
)
def test_damaged_bytes(edits, cut, tmp_path):
    data = bytearray(SMALL)
    for place, value in edits:
        data[place] = value
    data = bytes(data[:cut] if cut % 3 == 0 else data)
    assume(is_harmless(data))
    path = tmp_path / 'file.pkl'
    path.write_bytes(data)
    try:
        loaded = load_annotations(path)
    except UnsafeAnnotationError as error:
        assert str(path) in str(error)
    else:
        check_contents(loaded)
