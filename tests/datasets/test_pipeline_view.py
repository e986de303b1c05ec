"""The same data through another pipeline."""

import pickle

import numpy as np
import pytest
import torch
from mmaction.datasets import PoseDataset
from mmengine.dataset import (
    ClassBalancedDataset,
    Compose,
    ConcatDataset,
    RepeatDataset,
)

from deeprank_mm.datasets import SkeletonDataset, with_pipeline


def first(results):
    return dict(name=results['frame_dir'], by='first')


def second(results):
    return dict(name=results['frame_dir'], by='second')


def nothing(results):
    return None


NAMES = [f's{i}' for i in range(6)]


@pytest.fixture
def build(tmp_path):
    annotations = [
        dict(
            frame_dir=name,
            label=int(i > 0),
            keypoint=np.ones((1, 4, 5, 3), np.float32),
            total_frames=4,
        )
        for i, name in enumerate(NAMES)
    ]
    path = tmp_path / 'file.pkl'
    path.write_bytes(pickle.dumps(annotations))

    def build(kind=SkeletonDataset, **kwargs):
        return kind(str(path), [first], **kwargs)

    return build


def names(dataset):
    items = [dataset[i] for i in range(len(dataset))]
    assert {item['by'] for item in items} == {'second'}
    return [item['name'] for item in items]


@pytest.mark.parametrize('pipeline', [[second], Compose([second])])
@pytest.mark.parametrize('serialize', [True, False])
@pytest.mark.parametrize('kind', [PoseDataset, SkeletonDataset])
def test_shares_the_data(build, kind, serialize, pipeline):
    dataset = build(kind, serialize_data=serialize)
    view = with_pipeline(dataset, pipeline)
    assert type(view) is kind and names(view) == NAMES
    assert view.data_list is dataset.data_list
    if serialize:
        assert view.data_bytes is dataset.data_bytes
        assert view.data_address is dataset.data_address
    if kind is SkeletonDataset:
        assert view.sample_ids == dataset.sample_ids
    # The original stays as it is.
    assert dataset[0]['by'] == 'first'
    assert dataset.test_mode is False and view.test_mode is True


def test_pipeline_of_configs(build):
    view = with_pipeline(build(), [dict(type='mmaction.PoseDecode')])
    assert [type(t).__name__ for t in view.pipeline.transforms] == [
        'PoseDecode'
    ]


def test_lazy_data_are_loaded_once(build):
    dataset = build(lazy_init=True)
    view = with_pipeline(dataset, [second])
    assert view.data_bytes is dataset.data_bytes


def test_nothing_is_redrawn(build):
    with pytest.raises(Exception, match='None'):
        with_pipeline(build(), [nothing])[0]


def test_repetitions_are_taken_off(build):
    dataset = build()
    repeated = RepeatDataset(dataset, 3)
    view = with_pipeline(repeated, [second])
    assert names(view) == NAMES
    assert view.data_bytes is dataset.data_bytes
    assert len(repeated) == 18 and repeated[7]['by'] == 'first'
    balanced = ClassBalancedDataset(dataset, 0.9)
    assert len(balanced) > 6
    assert names(with_pipeline(balanced, [second])) == NAMES


def test_any_wrapper_is_taken_off(build):
    class Wrapper:
        def __init__(self, dataset):
            self.dataset = dataset

    wrapped = Wrapper(Wrapper(RepeatDataset(build(), 2)))
    assert names(with_pipeline(wrapped, [second])) == NAMES


@pytest.mark.parametrize('kind', [PoseDataset, SkeletonDataset])
@pytest.mark.parametrize('lazy', [True, False])
def test_concatenation(build, kind, lazy):
    parts = [build(kind), build(kind, indices=2)]
    dataset = ConcatDataset(parts, lazy_init=lazy)
    view = with_pipeline(dataset, [second])
    assert isinstance(view, ConcatDataset)
    assert names(view) == NAMES + NAMES[:2]
    assert view.datasets[1].data_bytes is parts[1].data_bytes
    assert dataset[7]['by'] == 'first' and dataset.datasets[0] is parts[0]


def test_concatenation_of_wrapped_parts(build):
    inner = torch.utils.data.ConcatDataset([RepeatDataset(build(), 2)])
    dataset = torch.utils.data.ConcatDataset([inner, build(indices=1)])
    assert len(dataset) == 13
    view = with_pipeline(dataset, [second])
    assert names(view) == NAMES + NAMES[:1]
    assert len(dataset) == 13
    nested = RepeatDataset.__new__(RepeatDataset)
    nested.dataset = dataset
    assert names(with_pipeline(nested, [second])) == NAMES + NAMES[:1]


def test_subset_stays_a_subset(build):
    subset = torch.utils.data.Subset(build(), [4, 1])
    assert names(with_pipeline(subset, [second])) == ['s4', 's1']
    subset = torch.utils.data.Subset(RepeatDataset(build(), 2), [7])
    with pytest.raises(ValueError, match='RepeatDataset'):
        with_pipeline(subset, [second])


def test_in_worker_processes(build):
    loader = torch.utils.data.DataLoader(
        with_pipeline(build(), [second]), batch_size=None, num_workers=1
    )
    assert [item['name'] for item in loader] == NAMES


def test_other_kinds_are_refused():
    with pytest.raises(TypeError, match='list'):
        with_pipeline([1, 2], [])
