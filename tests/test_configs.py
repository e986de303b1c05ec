"""Every config builds what it names, and fits the others of its row."""

import pytest
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from tests.conftest import ROOT

CONFIGS = sorted(
    path.relative_to(ROOT / 'configs').as_posix()
    for path in (ROOT / 'configs').glob('*/*.py')
    if not path.parent.name.startswith('_')
)


def load(name):
    return Config.fromfile(ROOT / 'configs' / name)


def test_there_are_configs():
    assert 'deeprank/stgcn_ntu60_xsub.py' in CONFIGS


@pytest.mark.parametrize('name', CONFIGS)
def test_model_pipelines_and_hooks_build(name):
    cfg = load(name)
    with DefaultScope.overwrite_default_scope('mmaction'):
        MODELS.build(cfg.model)
        for part in ('train', 'val', 'test'):
            Compose(cfg[f'{part}_dataloader'].dataset.pipeline)


@pytest.mark.parametrize('name', CONFIGS)
def test_work_directories_do_not_collide(name):
    # finetuning and pretraining share file names: mmengine's default would
    # put one's checkpoints among the other's
    assert load(name).work_dir == f'./work_dirs/{name[:-3]}'


@pytest.mark.parametrize(
    'name', [c for c in CONFIGS if c.startswith('finetune/')]
)
def test_finetuning_fits_its_pretraining(name):
    from deeprank_mm.engine.strict import check_state_dict

    finetune, pretrain = load(name), load(name.replace('finetune', 'deeprank'))
    loader = finetune.custom_hooks[0]
    assert loader.type == 'LoadEncoderHook'
    assert pretrain.work_dir == f'./{loader.checkpoint}'
    with DefaultScope.overwrite_default_scope('mmaction'):
        ranker = MODELS.build(pretrain.model)
        recogniser = MODELS.build(finetune.model)
    encoder = ranker.encoders[loader.modality].state_dict()
    check_state_dict(recogniser.backbone, encoder, name)


def test_the_papers_hyper_parameters():
    cfg = load('deeprank/stgcn_ntu60_xsub.py')
    assert cfg.optim_wrapper.optimizer == dict(
        type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4
    )
    assert cfg.train_dataloader.batch_size == 64
    assert cfg.model.head == dict(type='TripletRankingHead', in_channels=256)
    crop, resize = (
        cfg[f'{part}_dataloader'].dataset.pipeline[1]
        for part in ('train', 'val')
    )
    assert tuple(crop.crop) == (0.5, 1.0)
    assert resize.crop == 0.95
    assert crop.length == resize.length == 120
    tune = load('finetune/stgcn_ntu60_xsub.py')
    assert tune.train_cfg.max_epochs == 100
    assert tune.optim_wrapper.optimizer.lr == 0.1
    assert tune.param_scheduler[0].milestones == [80]


@pytest.mark.parametrize(
    'name', [c for c in CONFIGS if c.startswith('deeprank/')]
)
def test_pretraining_never_meets_the_test_split(name):
    cfg = load(name)
    train, val = (cfg[f'{p}_dataloader'].dataset for p in ('train', 'val'))
    assert (
        train.split
        == val.split
        == cfg.test_cfg.support_dataloader.dataset['split']
    )
    assert train.split.endswith('_train')
    assert train.holdout.part == 'train'
    assert val.holdout.part == 'holdout'
    assert cfg.test_dataloader.dataset.split.endswith('_val')
    assert 'holdout' not in cfg.test_dataloader.dataset
