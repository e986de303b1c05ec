import logging

import pytest
import torch
from mmaction.registry import DATASETS
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import DataLoader, Subset

from deeprank_mm.engine import EpochSeedHook
from deeprank_mm.engine.hooks import epoch_seed_hook
from tests import toy


@pytest.fixture
def ann_file(tmp_path):
    return toy.annotation_file(tmp_path / 'toy.pkl', count=8)


def config(ann_file):
    return dict(
        type='SkeletonDataset',
        ann_file=ann_file,
        split='train',
        pipeline=toy.pipeline(crop=(0.5, 1.0)),
    )


def build(cfg):
    with DefaultScope.overwrite_default_scope('mmaction'):
        return DATASETS.build(cfg)


def make(ann_file):
    return build(config(ann_file))


class Run:
    """As much of a runner as the hook sees, and its epochs."""

    def __init__(self, dataset, workers=0, persistent=False, seed=0):
        self.seed = seed
        self.epoch = 0
        self.train_loop = None
        self._randomness_cfg = dict(seed=seed)
        self.said = []
        self.logger = logging.getLogger('test_epoch_seed_hook')
        self.logger.warning = self.said.append
        self.train_dataloader = DataLoader(
            dataset,
            batch_size=2,
            num_workers=workers,
            persistent_workers=persistent,
            sampler=DefaultSampler(dataset, shuffle=True, seed=0),
            collate_fn=pseudo_collate,
        )
        self.hook = EpochSeedHook()
        self.hook.before_train(self)

    def run_epoch(self, epoch):
        """Samples by their ids, and what dropout would draw."""
        self.epoch = epoch
        self.hook.before_train_epoch(self)
        samples = {}
        for batch in self.train_dataloader:
            for sample, data in zip(batch['data_samples'], batch['inputs']):
                samples.setdefault(sample.sample_id, []).append(data)
        return samples, torch.rand(4)


def equal(one, two):
    assert one.keys() == two.keys()
    return all(
        torch.equal(a, b) for key in one for a, b in zip(one[key], two[key])
    )


@pytest.mark.parametrize(
    'workers, persistent', [(1, False), (2, False), (1, True), (2, True)]
)
def test_workers_change_nothing(ann_file, workers, persistent):
    plain = Run(make(ann_file))
    other = Run(make(ann_file), workers, persistent)
    for epoch in (0, 1):
        one, two = plain.run_epoch(epoch), other.run_epoch(epoch)
        assert equal(one[0], two[0])
        assert torch.equal(one[1], two[1])


@pytest.mark.parametrize(
    'workers, persistent', [(0, False), (2, False), (2, True)]
)
def test_epochs_differ_and_a_resumed_one_does_not(
    ann_file, workers, persistent
):
    run = Run(make(ann_file), workers, persistent)
    first, second = run.run_epoch(0), run.run_epoch(1)
    assert not equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])
    # started anew, as after a kill: so are the persistent workers
    torch.rand(7)
    resumed = Run(make(ann_file), workers, persistent).run_epoch(1)
    assert equal(resumed[0], second[0])
    assert torch.equal(resumed[1], second[1])


def test_seeds_differ(ann_file):
    one, two = (Run(make(ann_file), seed=seed).run_epoch(0) for seed in (0, 1))
    assert not equal(one[0], two[0])
    assert not torch.equal(one[1], two[1])


def test_ranks_drop_out_differently_and_augment_alike(ann_file, monkeypatch):
    drawn = []
    for rank in (0, 1):
        monkeypatch.setattr(epoch_seed_hook, 'get_rank', lambda r=rank: r)
        drawn.append(Run(make(ann_file)).run_epoch(0))
    assert equal(drawn[0][0], drawn[1][0])
    assert not torch.equal(drawn[0][1], drawn[1][1])


def test_a_part_of_a_data_set_is_keyed(ann_file):
    whole = Run(make(ann_file)).run_epoch(0)[0]
    run = Run(Subset(make(ann_file), [0, 3]))
    part = run.run_epoch(0)[0]
    assert len(part) == 2 and not run.said
    assert equal(part, {key: whole[key] for key in part})


@pytest.mark.parametrize('inside_another', [False, True])
def test_repeated_samples_are_left_alone(ann_file, inside_another):
    cfg = dict(type='RepeatDataset', times=3, dataset=config(ann_file))
    if inside_another:
        other = toy.annotation_file(ann_file + '2', count=8, seed=1)
        cfg = dict(type='ConcatDataset', datasets=[cfg, config(other)])
    run = Run(build(cfg))
    assert 'RepeatDataset' in run.said[0] and len(run.said) == 1
    # the other data set has the same ids, so they occur four times
    samples = run.run_epoch(0)[0]
    assert {len(copies) for copies in samples.values()} == {3 + inside_another}
    for copies in samples.values():
        assert not any(torch.equal(copies[0], copy) for copy in copies[1:])


def test_balanced_samples_are_left_alone(ann_file):
    run = Run(
        build(
            dict(
                type='ClassBalancedDataset',
                oversample_thr=0.9,
                dataset=config(ann_file),
            )
        )
    )
    assert 'ClassBalancedDataset' in run.said[0]


def test_a_loop_of_iterations_says_so(ann_file):
    run = Run(make(ann_file))
    run.train_loop = object.__new__(IterBasedTrainLoop)
    run.hook.before_train(run)
    assert 'no epochs' in run.said[-1]
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    run.hook.before_train_epoch(run)
    assert torch.equal(torch.rand(1), expected)


def test_a_run_without_a_seed_shuffles_by_the_one_it_resumes(tmp_path):
    cfg = toy.pretrain_config(tmp_path, epochs=2)
    cfg.randomness = dict(seed=None)
    cfg.custom_hooks.append(dict(type='EpochSeedHook'))
    first = toy.build_runner(cfg)
    first.train()
    cfg.resume = True
    cfg.experiment_name = 'again'
    cfg.load_from = str(tmp_path / 'work' / 'epoch_1.pth')
    again = toy.build_runner(cfg)
    again.train()
    samplers = [run.train_dataloader.sampler for run in (first, again)]
    assert samplers[0].seed == samplers[1].seed == first.seed
    for key, value in first.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[key]), key
