"""What all converters share."""

import os
import pickle

import numpy as np
import pytest

from deeprank_mm.datasets import ntu
from deeprank_mm.datasets.conversion import (
    ConversionError,
    make_annotation,
    map_in_order,
    summarise,
    write_annotations,
)


def annotation(name='a', people=1, **extra):
    keypoint = np.ones((people, 3, 25, 3))
    return make_annotation(name, 0, keypoint, 25, max_people=2, **extra)


@pytest.mark.parametrize('workers', [0, 1, 2, 5])
def test_map_keeps_the_order(workers):
    numbers = list(range(100, 0, -1))
    results = list(map_in_order(str, numbers, workers))
    assert results == list(map(str, numbers))


@pytest.mark.parametrize('workers', [0, 2])
def test_map_of_nothing(workers):
    assert list(map_in_order(str, [], workers)) == []


@pytest.mark.parametrize('workers', [0, 2])
def test_map_passes_on_what_is_raised(workers):
    with pytest.raises(ValueError, match='invalid literal'):
        list(map_in_order(int, ['1', '2', 'x'], workers))


def test_a_process_that_dies_is_an_error():
    with pytest.raises(ConversionError, match='fewer --workers'):
        list(map_in_order(os._exit, [1, 2, 3, 4], 2))


@pytest.mark.parametrize('dataset', ['ntu60', 'ntu120'])
def test_conversions_can_be_sent_to_a_process(dataset):
    conversion = ntu.CONVERSIONS[dataset]
    assert pickle.loads(pickle.dumps(conversion)) == conversion


def test_annotation_of_several_people():
    item = annotation(people=2, sequence='s', view=3)
    assert item['keypoint'].shape == (2, 3, 25, 3)
    assert item['total_frames'] == 3
    assert (item['sequence'], item['view']) == ('s', 3)


@pytest.mark.parametrize(
    'shape, match',
    [
        ((3, 25, 3), r'expected \(people, frames, 25, 3\)'),
        ((1, 3, 20, 3), r'\(1, 3, 20, 3\)'),
        ((1, 0, 25, 3), 'no frames'),
        ((0, 3, 25, 3), '0 people, expected 1 to 2'),
        ((3, 3, 25, 3), '3 people'),
    ],
)
def test_annotation_of_unfit_shape(shape, match):
    with pytest.raises(ValueError, match=match):
        make_annotation('a', 0, np.ones(shape), 25, max_people=2)


def test_absent_people_are_no_zero_joints():
    item = annotation(people=2)
    item['keypoint'][1, 0] = 0
    item['keypoint'][0, 1, :4] = 0
    assert 'all zero   4 joints in 1' in summarise([item], dict(train=['a']))


def test_equal_content_gives_equal_bytes(tmp_path):
    items = [annotation('a', sequence='s'), annotation('b', sequence='s')]
    # As if from two processes: equal, but no object is shared.
    copies = [pickle.loads(pickle.dumps(item)) for item in items]
    paths = [tmp_path / 'a.pkl', tmp_path / 'b.pkl']
    for path, content in zip(paths, (items, copies)):
        write_annotations(path, content, dict(train=['a', 'b']))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_extra_entries(tmp_path):
    path = tmp_path / 'a.pkl'
    extra = dict(classes=[3, 4])
    write_annotations(path, [annotation()], dict(train=['a']), extra)
    with path.open('rb') as file:
        content = pickle.load(file)
    assert list(content) == ['split', 'annotations', 'classes']
    assert content['classes'] == [3, 4]
