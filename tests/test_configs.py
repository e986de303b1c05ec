"""Every config builds what it names, and fits the others of its row."""

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from deeprank_mm.datasets import get_layout
from tests.conftest import ROOT

CONFIGS = sorted(
    path.relative_to(ROOT / 'configs').as_posix()
    for path in (ROOT / 'configs').glob('*/*.py')
    if not path.parent.name.startswith('_')
)


def load(name):
    return Config.fromfile(ROOT / 'configs' / name)


def build(cfg):
    """The model without its memory: only names and shapes count here."""
    with DefaultScope.overwrite_default_scope('mmaction'):
        with torch.device('meta'):
            return MODELS.build(cfg.model)


def test_there_are_configs():
    assert 'deeprank/stgcn_ntu60_xsub.py' in CONFIGS


@pytest.mark.parametrize('name', CONFIGS)
def test_model_pipelines_and_hooks_build(name):
    cfg = load(name)
    build(cfg)
    with DefaultScope.overwrite_default_scope('mmaction'):
        for part in ('train', 'val', 'test'):
            Compose(cfg[f'{part}_dataloader'].dataset.pipeline)


@pytest.mark.parametrize('name', CONFIGS)
def test_work_directories_do_not_collide(name):
    # finetuning and pretraining share file names: mmengine's default would
    # put one's checkpoints among the other's
    assert load(name).work_dir == f'./work_dirs/{name[:-3]}'


PAIRS = [
    (name, method)
    for name in CONFIGS
    if name.startswith('finetune/')
    for method in ('deeprank', 'mv_deeprank')
    if name.replace('finetune', method) in CONFIGS
]


@pytest.mark.parametrize('name, method', PAIRS)
def test_finetuning_fits_its_pretraining(name, method):
    from deeprank_mm.engine.strict import check_state_dict

    finetune = load(name)
    pretrain = load(name.replace('finetune', method))
    loader = finetune.custom_hooks[0]
    assert loader.type == 'LoadEncoderHook'
    assert loader.checkpoint == f'work_dirs/deeprank/{name[9:-3]}'
    assert pretrain.work_dir == f'./work_dirs/{method}/{name[9:-3]}'
    ranker, recogniser = build(pretrain), build(finetune)
    for encoder in ranker.encoders.values():
        check_state_dict(recogniser.backbone, encoder.state_dict(), name)
    # and both see the same skeletons
    for step in (0, 1):
        ends = [
            cfg.test_dataloader.dataset.pipeline[step]
            for cfg in (finetune, pretrain)
        ]
        assert ends[0] == ends[1]
    assert (
        finetune.test_dataloader.dataset.split
        == pretrain.test_dataloader.dataset.split
    )
    assert (
        finetune.train_dataloader.dataset.split
        == pretrain.train_dataloader.dataset.split
    )


ROWS = [
    f'{backbone}_{data}.py'
    for backbone in ('stgcn', 'sttformer')
    for data in (
        'ntu60_xsub',
        'ntu60_xview',
        'ntu120_xsub',
        'ntu120_xset',
        'pku1_xsub',
        'pku2_xsub',
    )
]


@pytest.mark.parametrize('row', ROWS)
def test_every_benchmark_of_the_paper_is_there(row):
    for method in ('deeprank', 'mv_deeprank'):
        cfg = load(f'{method}/{row}')
        optimizer = cfg.optim_wrapper.optimizer
        assert optimizer.lr == (0.1 if row.startswith('stgcn') else 0.01)
        assert (optimizer.momentum, optimizer.weight_decay) == (0.9, 1e-4)
        assert cfg.train_dataloader.batch_size == 64
        assert cfg.auto_scale_lr.base_batch_size == 64
    assert cfg.model.modalities == ['joint', 'bone', 'motion']
    assert cfg.model.views == ['self', 'other', 'all']
    files = {
        cfg.train_dataloader.dataset.ann_file,
        cfg.val_dataloader.dataset.ann_file,
        cfg.test_dataloader.dataset.ann_file,
        cfg.test_cfg.support_dataloader.dataset.ann_file,
    }
    assert len(files) == 1
    classes = dict(ntu60=60, ntu120=120, pku1=51, pku2=41)
    tune = load(f'finetune/{row}')
    assert tune.model.cls_head.num_classes == classes[row.split('_')[1]]
    schedule = tune.param_scheduler
    if row.startswith('stgcn'):
        assert (tune.train_cfg.max_epochs, len(schedule)) == (100, 1)
        assert schedule[0].milestones == [80]
    else:
        assert (tune.train_cfg.max_epochs, len(schedule)) == (90, 2)
        assert (schedule[0].type, schedule[0].end) == ('LinearLR', 5)
        assert schedule[1].milestones == [60, 80]


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


@pytest.mark.parametrize('name', [c for c in CONFIGS if 'deeprank/' in c])
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


@pytest.mark.parametrize(
    'name, layout',
    [('nwucla_xview', 'kinect20'), ('utdmhad_xsub', 'utd_mhad')],
)
def test_joint_layouts_are_those_of_the_package(name, layout):
    cfg = load(f'deeprank/stgcn_{name}.py')
    expected = get_layout(layout)
    for given in (
        cfg.model.encoder.graph_cfg.layout,
        cfg.train_dataloader.dataset.pipeline[3].layout,
        cfg.test_dataloader.dataset.pipeline[2].layout,
    ):
        assert given.num_node == expected['num_node']
        assert given.center == expected['center']
        edges = [tuple(edge) for edge in given.inward]
        assert edges == expected['inward']
