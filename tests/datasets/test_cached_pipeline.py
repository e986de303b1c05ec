import copy
import logging
import multiprocessing
import pickle

import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS
from mmcv.transforms import BaseTransform
from mmengine.logging import MMLogger
from mmengine.registry import TRANSFORMS, DefaultScope
from torch.utils.data import DataLoader

from deeprank_mm.datasets import with_pipeline
from tests import toy


@TRANSFORMS.register_module()
class Counted(BaseTransform):
    """Adds 1 to all coordinates, and counts how often."""

    calls = 0

    def __init__(self, by=1.0):
        self.by = by

    def transform(self, results):
        Counted.calls += 1
        results['keypoint'] = results['keypoint'] + np.float32(self.by)
        results['body_center'] = results['keypoint'][0, 0, 1]
        results['total_frames'] = int(results['total_frames']) + 5
        results.pop('subject')
        return results


@TRANSFORMS.register_module()
class Shaken(BaseTransform):
    def transform(self, results):
        noise = np.random.normal(size=results['keypoint'].shape)
        results['keypoint'] = results['keypoint'] + noise
        return results


@TRANSFORMS.register_module()
class Leaves(BaseTransform):
    def __init__(self, what):
        self.what = what

    def transform(self, results):
        results['extra'] = self.what
        return results


@pytest.fixture
def ann_file(tmp_path):
    return toy.annotation_file(tmp_path / 'toy.pkl', count=20)


def build(ann_file, first=(dict(type='Counted'),), crop=0.95, **kwargs):
    cfg = dict(
        type='SkeletonDataset',
        ann_file=ann_file,
        split='train',
        pipeline=[*first, *toy.pipeline(crop=crop)],
    )
    with DefaultScope.overwrite_default_scope('mmaction'):
        return DATASETS.build(copy.deepcopy(dict(cfg, **kwargs)))


def assert_same(one, two):
    assert len(one) == len(two) > 0
    for left, right in zip(one, two):
        torch.testing.assert_close(
            left['inputs'], right['inputs'], rtol=0, atol=0
        )
        assert left['data_samples'].to_dict().keys() == (
            right['data_samples'].to_dict().keys()
        )
        assert left['data_samples'].sample_id == (
            right['data_samples'].sample_id
        )


@pytest.mark.parametrize('steps', [1, 2])
@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(holdout=dict(part='holdout', fraction=0.3)),
        dict(labelled=dict(fraction=0.5)),
        dict(without_copies_of='test'),
        dict(indices=[3, 1]),
        dict(indices=-4),
        dict(serialize_data=False),
        dict(lazy_init=True),
    ],
)
def test_gives_what_the_whole_pipeline_gives(ann_file, options, steps):
    cached = build(ann_file, cache=dict(steps=steps), **options)
    plain = build(ann_file, **options)
    assert cached.sample_ids == plain.sample_ids
    assert cached.labels.tolist() == plain.labels.tolist()
    assert_same(cached, plain)
    assert_same(cached, cached)  # what was read was not written to


def test_random_steps_draw_the_same_numbers(ann_file):
    runs = []
    for cache in (None, dict(steps=1)):
        dataset = build(ann_file, crop=(0.5, 1.0), cache=cache)
        dataset.set_random_key(1, 2)
        runs.append([dataset[i]['inputs'] for i in range(len(dataset))])
    torch.testing.assert_close(runs[0], runs[1], rtol=0, atol=0)


def test_steps_are_done_once(ann_file, tmp_path):
    build(ann_file, cache=dict(steps=1))
    before = Counted.calls
    dataset = build(ann_file, cache=dict(steps=1))
    part = dict(part='train', fraction=0.3)
    parts = build(ann_file, crop=None, holdout=part, cache=dict(steps=1))
    for data in (dataset, parts, dataset.get_subset([1, 2])):
        assert len([data[i] for i in range(len(data))]) > 0
    assert Counted.calls == before
    assert len(list((tmp_path / 'cache').glob('*.cache'))) == 1


def test_samples_do_not_stay_in_memory_as_well(ann_file):
    plain, cached = build(ann_file), build(ann_file, cache=dict(steps=1))
    assert len(cached.data_bytes) < len(plain.data_bytes) / 2
    assert len(pickle.dumps(cached)) < len(plain.data_bytes)


def test_workers_and_copies_read_the_same_file(ann_file):
    cached, plain = build(ann_file, cache=dict(steps=1)), build(ann_file)
    loader = DataLoader(
        cached,
        batch_size=None,
        num_workers=2,
        multiprocessing_context=multiprocessing.get_context('fork'),
    )
    assert_same(list(loader), plain)
    # what a spawned worker gets
    assert_same(pickle.loads(pickle.dumps(cached)), plain)


def test_mmaction_steps_are_bit_identical(tmp_path):
    path = toy.annotation_file(tmp_path / 'toy.pkl', frames=300)
    first = [dict(type='PreNormalize3D', xaxis=[2, 3])]
    assert_same(build(path, first, cache=dict(steps=1)), build(path, first))


@pytest.mark.parametrize(
    'change',
    [
        dict(first=[dict(type='Counted', by=2.0)]),
        dict(split='test'),
        dict(cache=dict(steps=2)),
        dict(seed=1),
    ],
)
def test_anything_else_makes_another_cache(ann_file, tmp_path, change):
    options = dict(cache=dict(steps=1))
    build(ann_file, **options)
    if 'seed' in change:  # other content under the same name
        toy.annotation_file(ann_file, count=20, seed=change['seed'])
    else:
        options.update(change)
    assert_same(
        build(ann_file, **options),
        build(ann_file, **{**options, 'cache': None}),
    )
    assert len(list((tmp_path / 'cache').glob('*.cache'))) == 2


def test_changed_code_makes_another_cache(ann_file, tmp_path, monkeypatch):
    build(ann_file, cache=dict(steps=1))
    monkeypatch.setattr(
        'deeprank_mm.datasets.step_cache._source', lambda module: 'new'
    )
    build(ann_file, cache=dict(steps=1))
    assert len(list((tmp_path / 'cache').glob('*.cache'))) == 2


def test_an_annotation_file_may_be_moved(ann_file, tmp_path):
    cache = dict(steps=1, folder=str(tmp_path / 'kept'))
    build(ann_file, cache=cache)
    before = Counted.calls
    moved = (tmp_path / 'toy.pkl').rename(tmp_path / 'other.pkl')
    build(str(moved), cache=cache)
    assert Counted.calls == before


@pytest.mark.parametrize(
    'damage, said',
    [
        (lambda content: content[:-7], 'cut short'),
        (lambda content: content[: len(content) // 2], 'cut short'),
        (lambda content: b'', 'another sort of file'),
        (lambda content: b'\x93NUMPY' + content, 'another sort of file'),
        (lambda content: content[:-90] + b'?' + content[-89:], 'damaged'),
    ],
)
def test_a_damaged_cache_is_made_again(ann_file, tmp_path, damage, said):
    build(ann_file, cache=dict(steps=1))
    (file,) = (tmp_path / 'cache').glob('*.cache')
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    warnings = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        dataset = build(ann_file, cache=dict(steps=1))
    finally:
        logger.removeHandler(handler)
    (warning,) = warnings
    assert str(file) in warning and said in warning
    assert_same(dataset, build(ann_file))
    assert file.read_bytes() == whole


def test_the_cache_of_other_data_is_not_taken(ann_file, tmp_path):
    build(ann_file, cache=dict(steps=1))
    (mine,) = (tmp_path / 'cache').glob('*.cache')
    build(ann_file, split='test', cache=dict(steps=1))
    (other,) = set((tmp_path / 'cache').glob('*.cache')) - {mine}
    mine.write_bytes(other.read_bytes())
    assert_same(build(ann_file, cache=dict(steps=1)), build(ann_file))


def test_a_failed_build_leaves_no_file(ann_file, tmp_path):
    with pytest.raises(ValueError, match='draws random'):
        build(ann_file, [dict(type='Shaken')], cache=dict(steps=1))
    names = [path.name for path in (tmp_path / 'cache').iterdir()]
    assert all(name.endswith('.lock') for name in names)


def _build_and_count(ann_file, barrier, queue):
    barrier.wait()
    dataset = build(ann_file, cache=dict(steps=1))
    queue.put((Counted.calls, dataset[0]['inputs'].sum().item()))


def test_processes_that_come_at_once_build_once(ann_file):
    context = multiprocessing.get_context('fork')
    barrier, queue = context.Barrier(3), context.Queue()
    Counted.calls = 0
    processes = [
        context.Process(
            target=_build_and_count, args=(ann_file, barrier, queue)
        )
        for _ in range(3)
    ]
    for process in processes:
        process.start()
    results = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    calls = sorted(count for count, _ in results)
    assert calls[:2] == [0, 0] and calls[2] > 0
    assert len({total for _, total in results}) == 1


@pytest.mark.parametrize(
    'first, cache, error, said',
    [
        ([dict(type='Shaken')], 1, ValueError, 'Shaken, which draws random'),
        ([dict(type='Shaken')], 2, ValueError, 'Shaken, .*draws random'),
        ([], 2, ValueError, 'TemporalCropResize, which draws random'),
        ([], 0, ValueError, '1 to 5'),
        ([], 9, ValueError, '1 to 5'),
        ([], '1', TypeError, 'must be a number'),
        ([dict(type='Leaves', what=(1, 2))], 1, ValueError, "'extra'.*tuple"),
        ([dict(type='Leaves', what={1})], 1, ValueError, 'set has no content'),
    ],
)
def test_what_cannot_be_cached(ann_file, first, cache, error, said):
    with pytest.raises(error, match=said) as caught:
        build(ann_file, first, crop=(0.5, 1.0), cache=dict(steps=cache))
    assert '\n' not in str(caught.value)


def test_a_local_function_cannot_be_cached(ann_file):
    with pytest.raises(ValueError, match='function has no content'):
        build(ann_file, [lambda results: results], cache=dict(steps=1))


@pytest.mark.parametrize(
    'options',
    [
        dict(data_prefix=dict(skeleton='folder')),
        dict(valid_ratio=0.5),
    ],
)
def test_options_that_exclude_a_cache(ann_file, options):
    with pytest.raises(ValueError, match='cache'):
        build(ann_file, cache=dict(steps=1), **options)


def test_a_sample_that_is_not_finite_is_named(ann_file):
    with open(ann_file, 'rb') as file:
        content = pickle.load(file)
    content['annotations'][2]['keypoint'][0, 0, 0, 0] = np.nan
    with open(ann_file, 'wb') as file:
        pickle.dump(content, file)
    with pytest.raises(ValueError, match="'clip002'.*has NaN"):
        build(ann_file, cache=dict(steps=1))


def test_a_folder_that_cannot_be_written(ann_file, tmp_path, read_only):
    folder = tmp_path / 'locked'
    folder.mkdir()
    cache = dict(steps=1, folder=str(folder))
    with read_only(folder), pytest.raises(OSError, match='`folder`.*locked'):
        build(ann_file, cache=cache)


def test_views_begin_with_the_cached_steps(ann_file):
    dataset = build(ann_file, cache=dict(steps=1))
    pipeline = [dict(type='Counted'), *toy.pipeline(crop=None)]
    with DefaultScope.overwrite_default_scope('mmaction'):
        view = with_pipeline(dataset, pipeline)
        plain = with_pipeline(build(ann_file), pipeline)
        assert_same(view, plain)
        with pytest.raises(ValueError, match='begin with') as caught:
            with_pipeline(dataset, toy.pipeline())
    assert 'Counted' in str(caught.value)
    assert 'CentreSkeleton(joint=1' in str(caught.value)
