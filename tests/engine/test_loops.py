import pytest
import torch
from mmengine.hooks import Hook

from deeprank_mm.engine.extraction import extract_features, feature_loader
from deeprank_mm.evaluation import KNNMetric, LinearProbeMetric
from tests import toy


def feature_config(folder, calibrate):
    cfg = toy.pretrain_config(folder, count=60)
    data = dict(
        type='SkeletonDataset',
        ann_file=cfg.train_dataloader.dataset.ann_file,
        pipeline=toy.pipeline(),
        test_mode=True,
    )
    for key in list(cfg):
        if key.startswith(('train_', 'val_', 'optim_')):
            cfg.pop(key)
    cfg.custom_hooks = []
    cfg.test_dataloader = dict(
        batch_size=7,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(data, split='test'),
    )
    cfg.test_cfg = dict(
        type='FeatureTestLoop',
        calibrate=calibrate,
        support_dataloader=dict(
            batch_size=16, dataset=dict(data, split='train')
        ),
    )
    cfg.test_evaluator = [
        dict(type='KNNMetric'),
        dict(type='LinearProbeMetric'),
    ]
    return cfg


@pytest.mark.parametrize('calibrate', [True, False])
def test_the_test_split_is_compared_with_the_training_split(
    tmp_path, calibrate
):
    cfg = feature_config(tmp_path, calibrate)
    runner = toy.build_runner(cfg)
    runner._init_model_weights()
    result = runner.test()
    ann_file = cfg.test_dataloader.dataset.ann_file
    banks = [
        extract_features(
            runner.model,
            feature_loader(
                toy.build_dataset(ann_file, split=split, test_mode=True)
            ),
        )
        for split in ('train', 'test')
    ]
    expected = KNNMetric().compare(*banks)
    expected.update(LinearProbeMetric().compare(*banks))
    for key, value in expected.items():
        assert result[key] == pytest.approx(value), key


def test_calibration_is_what_makes_the_difference(tmp_path):
    means = []
    for calibrate in (False, True):
        runner = toy.build_runner(
            feature_config(tmp_path / str(calibrate), calibrate)
        )
        runner._init_model_weights()
        runner.test()
        norm = runner.model.encoders['joint'].data_bn
        means.append(norm.running_mean.abs().sum())
    assert means[0] == 0 < means[1]


def steps_config(folder, **loop):
    """The toy run, 18 sequences in batches of 4, by a number of steps."""
    cfg = toy.pretrain_config(folder, count=40)
    cfg.train_cfg = dict(type='StepsTrainLoop', **loop)
    cfg.param_scheduler = [
        dict(
            type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True
        )
    ]
    return cfg


@pytest.mark.parametrize(
    'loop, epochs',
    [
        (dict(steps=1), 1),
        (dict(steps=5), 1),
        (dict(steps=6), 2),
        (dict(steps=15, min_epochs=2), 3),
        (dict(steps=15, min_epochs=5), 5),
        (dict(steps=15, min_epochs=5, max_epochs=2), 2),
    ],
)
def test_as_many_epochs_as_make_the_steps(tmp_path, loop, epochs):
    runner = toy.build_runner(steps_config(tmp_path, **loop))
    loop = runner.build_train_loop(runner._train_loop)
    assert len(loop.dataloader) == 5
    assert loop.max_epochs == epochs
    assert loop.max_iters == 5 * epochs


def test_a_run_by_steps_is_a_run_of_so_many_epochs(tmp_path):
    """Schedule, validations and checkpoints know where the end is."""

    class Validations(Hook):
        def __init__(self):
            self.epochs = []

        def after_val_epoch(self, runner, metrics=None):
            self.epochs.append(runner.epoch)

    weights = []
    for name in ('steps', 'epochs'):
        cfg = steps_config(tmp_path / name, steps=12, val_interval=2)
        if name == 'epochs':
            cfg.train_cfg = dict(
                type='EpochBasedTrainLoop', max_epochs=3, val_interval=2
            )
        runner = toy.build_runner(cfg)
        validations = Validations()
        runner.register_hook(validations)
        runner.train()
        assert validations.epochs == [2, 3]
        assert runner.epoch == 3 and runner.iter == 15
        log = runner.message_hub.log_scalars
        assert log['train/lr']._log_history[-1] < 1e-3
        weights.append(runner.model.state_dict())
    for key, value in weights[0].items():
        assert torch.equal(value, weights[1][key]), key


@pytest.mark.parametrize(
    'change, said',
    [
        (dict(steps=0), '`steps` must be 1 or more, got 0'),
        (dict(steps=5, min_epochs=0), '`min_epochs` must be 1 or more, got 0'),
        (dict(steps=2.5), 'steps'),
        (dict(), 'steps'),
        (dict(steps=5, epochs=3), 'epochs'),
    ],
)
def test_a_wrong_length_is_named(tmp_path, change, said):
    runner = toy.build_runner(steps_config(tmp_path, **change))
    with pytest.raises((ValueError, TypeError)) as error:
        runner.build_train_loop(runner._train_loop)
    assert 'StepsTrainLoop' in str(error.value)
    assert said in str(error.value)


def test_no_batch_is_named(tmp_path):
    cfg = steps_config(tmp_path, steps=5)
    cfg.train_dataloader.update(batch_size=64, drop_last=True)
    runner = toy.build_runner(cfg)
    with pytest.raises(ValueError, match='has no batch.*batch_size'):
        runner.build_train_loop(runner._train_loop)
