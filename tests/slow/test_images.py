"""The image configs train and are tested by the tools, as Table IX asks."""

import json
import runpy

import pytest
from mmengine.config import Config

from deeprank_mm.utils.launch import set_pretrained
from deeprank_mm.utils.runner import build_runner
from tests.conftest import ROOT
from tests.images import fake_cifar100, needs_mmpretrain

pytestmark = pytest.mark.slow

METHODS = ('deeprank', 'deepcluster')


def tool(name):
    return runpy.run_path(str(ROOT / 'tools' / f'{name}.py'))['main']


@pytest.mark.parametrize('method', METHODS)
def test_digits_in_two_cycles(tmp_path, method):
    config = str(ROOT / 'configs' / 'images' / f'{method}_digits.py')
    # a fifth of the training split, and cycles of one epoch
    options = [
        'train_dataloader.dataset.holdout.fraction=0.8',
        'val_dataloader.dataset.holdout.fraction=0.1',
        'train_cfg.max_epochs=2',
        'custom_hooks.0.interval=1',
        'custom_hooks.0.max_cycles=2',
        'default_hooks.checkpoint.interval=1',
    ]
    work = tmp_path / 'work'
    tool('train')([config, '--work-dir', str(work), '--cfg-options', *options])
    banks = sorted(path.name for path in (work / 'banks').iterdir())
    assert banks[-2:] == ['cycle_002_train.pth', 'cycle_002_val.pth']
    results = tmp_path / 'results'
    tool('test')([config, str(work), '--work-dir', str(results)])
    (found,) = results.glob('*/*.json')
    scores = json.loads(found.read_text())
    # ten classes, and even an untrained encoder tells most
    for name in ('knn20_image', 'linear_image', 'linear@0.1_image'):
        assert 0.3 < scores[name] <= 1, name


def fake(name, tmp_path, monkeypatch):
    """A config of CIFAR-100 on a few random images."""
    needs_mmpretrain()
    from mmpretrain.datasets import CIFAR100

    cfg = Config.fromfile(ROOT / 'configs' / 'images' / f'{name}_cifar100.py')
    folder = tmp_path / 'cifar100'
    if not folder.exists():
        fake_cifar100(folder)
    # they have not the published checksums
    monkeypatch.setattr(CIFAR100, '_check_integrity', lambda self: True)
    parts = [cfg[f'{p}_dataloader'] for p in ('train', 'val', 'test')]
    if name != 'finetune':
        parts.append(cfg.test_cfg.support_dataloader)
    for loader in parts:
        loader.update(batch_size=8, num_workers=0)
        loader.pop('persistent_workers', None)
        loader.dataset.source.data_root = str(folder)
    cfg.train_cfg.max_epochs = 1
    cfg.work_dir = str(tmp_path / name)
    cfg.launcher = 'none'
    return cfg


@pytest.mark.parametrize('method', METHODS)
def test_cifar100_from_pretraining_to_a_classifier(
    tmp_path, monkeypatch, method
):
    cfg = fake(method, tmp_path, monkeypatch)
    if method == 'deepcluster':
        cfg.model.head.n_clusters = 4
    runner = build_runner(cfg)
    runner.train()
    assert {'knn20_image', 'linear_image'} <= set(runner.test())

    cfg = fake('finetune', tmp_path, monkeypatch)
    set_pretrained(cfg, str(tmp_path / method))
    runner = build_runner(cfg)
    runner.train()
    assert 0 <= runner.test()['accuracy/top1'] <= 100
