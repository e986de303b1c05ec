"""NaN ends a run before it reaches a weight, with the sample's name."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from tests import toy


class Spoil(Hook):
    """One sample's input becomes NaN, as by a broken transform."""

    def __init__(self, step):
        self.step = step

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.step:
            self.name = data_batch['data_samples'][1].sample_id
            data_batch['inputs'][1][:] = torch.nan
            self.weights = copy.deepcopy(runner.model.state_dict())


@pytest.mark.parametrize('kind', ['pretrain', 'finetune'])
def test_training_stops_at_nan(tmp_path, kind):
    cfg = getattr(toy, f'{kind}_config')(tmp_path, epochs=3)
    if kind == 'finetune':
        cfg.custom_hooks.append(dict(type='FiniteHook'))
    runner = toy.build_runner(cfg)
    spoil = Spoil(step=4)
    runner.register_hook(spoil)
    with pytest.raises(ValueError, match='training loss is not finite') as e:
        runner.train()
    assert f'1 of 4 samples are NaN or infinite, {spoil.name!r}:' in str(
        e.value
    )
    # nothing was learnt from it
    for key, value in runner.model.named_parameters():
        assert torch.equal(value, spoil.weights[key]), key
    saved = sorted(Path(runner.work_dir).glob('epoch_*.pth'))
    assert saved
    for path in saved:
        for key, value in torch.load(path)['state_dict'].items():
            assert value.isfinite().all(), (path, key)


def test_it_watches_the_training_of_one_run_only(tmp_path):
    cfg = toy.finetune_config(tmp_path, epochs=1)
    cfg.custom_hooks.append(dict(type='FiniteHook'))
    runner = toy.build_runner(cfg)
    runner.train()
    assert not runner.model._forward_hooks


def test_amp_goes_on(tmp_path):
    cfg = toy.finetune_config(tmp_path, epochs=1)
    cfg.optim_wrapper.type = 'CpuAmpOptimWrapper'
    cfg.custom_hooks.append(dict(type='FiniteHook'))
    toy.build_runner(cfg).train()


@pytest.mark.parametrize('part', ['val', 'test'])
def test_predictions_that_are_nan_are_no_accuracy(tmp_path, part):
    cfg = toy.finetune_config(tmp_path, epochs=1)
    cfg.custom_hooks.append(dict(type='FiniteHook'))
    cfg.randomness = dict(seed=0)
    runner = toy.build_runner(cfg)
    toy.overflow(cfg.val_dataloader.dataset.ann_file, 'clip017')
    with pytest.raises(ValueError, match="predictions of 1 of .* 'clip017'"):
        getattr(runner, part)()


def test_held_out_features_that_are_nan_are_no_plateau(tmp_path):
    from deeprank_mm.evaluation import RankingMetric

    runner = toy.build_runner(toy.pretrain_config(tmp_path, 1))
    runner.train()
    metric = RankingMetric(block_size=8)
    metric.model = runner.model
    ids = runner.model.val_bank.ids
    features = torch.randn(len(ids), toy.WIDTH)
    features[1, 0] = torch.nan
    results = [(i, dict(joint=f)) for i, f in zip(ids, features)]
    with pytest.raises(ValueError, match=f'joint features.* as {ids[1]}:'):
        metric.compute_metrics(results)
