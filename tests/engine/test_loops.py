import pytest

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
