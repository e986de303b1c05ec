"""Every config builds what it names, and fits the others of its row."""

import copy
import functools

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from deeprank_mm.datasets import get_layout
from deeprank_mm.engine.skeleton_record import skeleton_of
from deeprank_mm.engine.strict import check_state_dict
from deeprank_mm.utils import launch
from tests.conftest import ROOT
from tests.images import needs_mmpretrain
from tests.stock import mim_folder

CONFIGS = sorted(
    path.relative_to(ROOT / 'configs').as_posix()
    for path in (ROOT / 'configs').glob('*/*.py')
    if not path.parent.name.startswith('_')
)


@functools.cache
def _read(name):
    # what it imports may be an extra that is not installed
    return Config.fromfile(
        ROOT / 'configs' / name, import_custom_modules=False
    )


def load(name):
    """A config of one's own to change; reading them all takes a while."""
    return copy.deepcopy(_read(name))


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
    if 'mmpretrain' in cfg.custom_imports.imports:
        needs_mmpretrain()
    build(cfg)
    with DefaultScope.overwrite_default_scope('mmaction'):
        for part in ('train', 'val', 'test'):
            Compose(cfg[f'{part}_dataloader'].dataset.pipeline)


@pytest.mark.parametrize('name', CONFIGS)
def test_work_directories_do_not_collide(name):
    # finetuning and pretraining share file names: mmengine's default would
    # put one's checkpoints among the other's
    assert load(name).work_dir == f'./work_dirs/{name[:-3]}'


def pretraining_of(name):
    """The row of ``deeprank/`` that a protocol's config starts from."""
    protocol, row = name[:-3].split('/')
    if protocol == 'semi':
        return row.rpartition('_')[0]
    if protocol != 'transfer':
        return row
    source = row.partition('_to_')[0]
    # the one data set whose joints have another order than the target's
    return f'{source}{"_kinect20" if "utdmhad" in source else ""}_xsub'


METHODS = ('deeprank', 'mv_deeprank', 'deepcluster', 'skeletonclr', 'recipe')
PROTOCOLS = [
    name
    for name in CONFIGS
    if name.startswith(('finetune/', 'linear/', 'semi/', 'transfer/'))
]
PAIRS = [
    (name, method)
    for name in PROTOCOLS
    for method in METHODS
    if f'{method}/{pretraining_of(name)}.py' in CONFIGS
]


@pytest.mark.parametrize('name, method', PAIRS)
def test_a_protocol_fits_its_pretraining(name, method):
    protocol, row = load(name), pretraining_of(name)
    pretrain = load(f'{method}/{row}.py')
    loader = protocol.custom_hooks[0]
    assert loader.type == 'LoadEncoderHook'
    default = 'recipe' if row == 'stgcn_own' else 'deeprank'
    assert loader.checkpoint == f'work_dirs/{default}/{row}'
    assert pretrain.work_dir == f'./work_dirs/{method}/{row}'
    ranker, recogniser = build(pretrain), build(protocol)
    for encoder in ranker.encoders.values():
        check_state_dict(recogniser.backbone, encoder.state_dict(), name)
    # and both see the same skeletons, made in the same way
    pipelines = [
        [
            step
            for step in cfg.test_dataloader.dataset.pipeline
            if step.type
            in ('CentreSkeleton', 'PreNormalize2D', 'TemporalCropResize')
        ]
        for cfg in (protocol, pretrain)
    ]
    assert len(pipelines[0]) == 2 and pipelines[0] == pipelines[1]
    joints = [
        skeleton_of(cfg)['joint_parents'] for cfg in (protocol, pretrain)
    ]
    assert joints[0] == joints[1]
    if not name.startswith('transfer/'):
        for part in ('train', 'test'):
            ends = [
                cfg[f'{part}_dataloader'].dataset
                for cfg in (protocol, pretrain)
            ]
            # of one's own data only a part may have labels
            own = name.endswith('_own.py') and part == 'train'
            splits = ['labelled', 'train'] if own else [ends[0].split] * 2
            assert [end.split for end in ends] == splits
            assert ends[0].ann_file == ends[1].ann_file


@pytest.mark.parametrize('name', PROTOCOLS)
def test_every_protocol_runs_on_every_stream(name):
    cfg = load(name)
    assert launch.set_modality(cfg, 'bone')
    # no pipeline is left behind
    assert skeleton_of(cfg)['modalities'] == ['bone']
    assert cfg.custom_hooks[0].modality == 'bone'


def test_joints_of_two_data_sets_are_not_mixed_up():
    def backbone(name, part):
        cfg = load(name).model[part]
        with DefaultScope.overwrite_default_scope('mmaction'):
            return MODELS.build(cfg)

    target = backbone('transfer/stgcn_utdmhad_to_nwucla_xview.py', 'backbone')
    mapped, own = (
        backbone(f'deeprank/stgcn_{name}.py', 'encoder').state_dict()
        for name in ('utdmhad_kinect20_xsub', 'utdmhad_xsub')
    )
    check_state_dict(target, mapped, 'x')
    with pytest.raises(ValueError, match='MapJoints'):
        check_state_dict(target, own, 'x')


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


SMALL_ROWS = [
    f'{backbone}_{data}.py'
    for backbone in ('stgcn', 'sttformer')
    for data in ('nwucla_xview', 'utdmhad_xsub')
]


@pytest.mark.parametrize('row', ROWS + SMALL_ROWS)
def test_linear_evaluation_of_every_row(row):
    cfg, tune = load(f'linear/{row}'), load(f'finetune/{row}')
    assert cfg.model.type == 'FrozenRecognizerGCN'
    assert dict(cfg.model, type=tune.model.type) == tune.model
    optimizer = cfg.optim_wrapper.optimizer
    if row.startswith('stgcn'):
        assert optimizer.lr == (0.3 if row in SMALL_ROWS else 3.0)
    else:
        assert optimizer.lr == 0.1
    assert 'weight_decay' not in optimizer
    assert cfg.train_cfg.max_epochs == 100
    assert [s.milestones for s in cfg.param_scheduler] == [[80]]
    # the classifier learns from the features that are tested
    train, test = (cfg[f'{p}_dataloader'].dataset for p in ('train', 'test'))
    assert train.pipeline == test.pipeline
    assert (train.split, test.split) == (
        tune.train_dataloader.dataset.split,
        tune.test_dataloader.dataset.split,
    )


def test_semi_supervised_protocols():
    expected = {
        f'semi/{backbone}_{data}.py'
        for backbone in ('stgcn', 'sttformer')
        for data in (
            'ntu60_xsub_1pct',
            'ntu60_xsub_10pct',
            'ntu60_xview_1pct',
            'ntu60_xview_10pct',
            'nwucla_xview_10pct',
            'utdmhad_xsub_10pct',
        )
    }
    found = {name for name in CONFIGS if name.startswith('semi/')}
    assert found == expected
    for name in sorted(expected):
        row, _, share = name[:-3].rpartition('_')
        cfg, tune = load(name), load(f'{row}.py'.replace('semi', 'finetune'))
        assert cfg.train_dataloader.dataset.labelled == dict(
            fraction=int(share[:-3]) / 100, seed=0
        )
        assert 'labelled' not in cfg.test_dataloader.dataset
        assert cfg.model == tune.model
        if 'ntu60' in row:
            for key in ('train_cfg', 'optim_wrapper', 'param_scheduler'):
                assert cfg[key] == tune[key]


@pytest.mark.parametrize('backbone', ['stgcn', 'sttformer'])
@pytest.mark.parametrize('source', ['ntu60', 'ntu120', 'pku1'])
def test_transfer_to_pku_mmd_2(backbone, source):
    cfg = load(f'transfer/{backbone}_{source}_to_pku2_xsub.py')
    supervised = load(f'finetune/{backbone}_pku2_xsub.py')
    for key in ('model', 'train_dataloader', 'test_dataloader', 'train_cfg'):
        assert cfg[key] == supervised[key]
    for method in ('deeprank', 'mv_deeprank'):
        row = f'{method}/{backbone}_{source}_xsub'
        assert f'{row}.py' in CONFIGS
    assert cfg.custom_hooks[0].checkpoint.endswith(f'{source}_xsub')


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


@pytest.mark.parametrize('row', ['nwucla_xview', 'utdmhad_xsub', 'own'])
def test_one_recipe_for_all_data(row):
    """What differs is the data and the number of epochs."""
    one, other = (
        load('recipe/stgcn_nwucla_xview.py'),
        load(f'recipe/stgcn_{row}.py'),
    )
    # own keypoints may have scores
    assert other.custom_hooks[0].first_encoder.pop('dims', None) is None
    for key in ('optim_wrapper', 'param_scheduler', 'custom_hooks'):
        assert other[key] == one[key], key
    assert other.model.head == one.model.head
    assert one.model.head.type == 'ListRankingHead'
    assert other.model.keys() == one.model.keys()
    for key in ('views', 'modalities'):
        assert other.model[key] == one.model[key], key
    # crop and rotation; own keypoints may have scores there, too
    crop, rotation = other.train_pipeline[1:3]
    expected = dict(one.train_pipeline[2])
    if row == 'own':
        expected['score_channel'] = False
    assert [crop, rotation] == [one.train_pipeline[1], expected]
    assert other.train_dataloader.batch_size == 32
    paper = load(f'deeprank/stgcn_{row}.py')
    # what is evaluated is not touched
    assert other.test_pipeline == paper.test_pipeline
    assert other.test_dataloader == paper.test_dataloader
    assert other.model.encoder == paper.model.encoder
    several = load(f'recipe/mv_stgcn_{row}.py')
    modalities = ['joint', 'bone', 'motion']
    assert several.model.modalities == modalities
    assert several.model.views == ['self', 'other', 'all']
    # of the mean of the losses vectors learn as fast as of one loss
    assert list(several.model.view_weights.values()) == [0.333] * 3
    keys = several.optim_wrapper.paramwise_cfg.custom_keys
    assert keys == dict(heads=dict(lr_mult=3))
    assert several.optim_wrapper.optimizer == other.optim_wrapper.optimizer
    assert several.train_pipeline[3].modalities == modalities
    assert several.train_pipeline[1:3] == other.train_pipeline[1:3]


@pytest.mark.parametrize('row', ['nwucla_xview', 'utdmhad_xsub'])
def test_triplets_differ_from_the_recipe_in_what_is_ranked(row):
    triplets = load(f'recipe/triplets_stgcn_{row}.py')
    recipe = load(f'recipe/stgcn_{row}.py')
    for key in ('optim_wrapper', 'param_scheduler', 'custom_hooks'):
        assert triplets[key] == recipe[key], key
    assert triplets.model.encoder == recipe.model.encoder
    assert triplets.model.own_clip_weight == 1
    clips = triplets.train_pipeline[1]
    assert clips.num_clips == 2
    assert clips.transforms == recipe.train_pipeline[1:4]


@pytest.mark.parametrize('row', ['nwucla_xview', 'utdmhad_xsub', 'own'])
def test_deepcluster_by_the_recipe_differs_in_labels_and_head_alone(row):
    mine = load(f'deepcluster/stgcn_{row}_recipe.py')
    recipe = load(f'recipe/stgcn_{row}.py')
    for key in (
        'train_dataloader',
        'train_cfg',
        'optim_wrapper',
        'param_scheduler',
    ):
        assert mine[key] == recipe[key], key
    assert mine.model.encoder == recipe.model.encoder
    labels, others = (cfg.custom_hooks[0] for cfg in (mine, recipe))
    assert labels.pop('type') == 'ClusterLabelHook'
    assert others.pop('type') == 'RankLabelHook'
    assert labels == others


PRETRAINING = [
    name
    for method in (*METHODS, '3s_deeprank', 'ablations')
    for name in CONFIGS
    if name.startswith(f'{method}/')
]


@pytest.mark.parametrize('name', PRETRAINING)
def test_pretraining_never_meets_the_test_split(name):
    cfg = load(name)
    train, val = (cfg[f'{p}_dataloader'].dataset for p in ('train', 'val'))
    support = cfg.test_cfg.support_dataloader.dataset
    own = name.endswith(('_own.py', '_own_recipe.py'))
    assert train.split == val.split == ('train' if own else support.split)
    assert train.split.rpartition('_')[2] == 'train'
    assert train.holdout.part == 'train'
    assert val.holdout.part == 'holdout'
    assert cfg.test_dataloader.dataset.split.rpartition('_')[2] == 'val'
    assert 'holdout' not in cfg.test_dataloader.dataset


@pytest.mark.parametrize(
    'row, n_clusters',
    [
        ('stgcn_ntu60_xsub.py', 256),
        ('stgcn_nwucla_xview.py', 32),
        ('stgcn_utdmhad_xsub.py', 32),
    ],
)
def test_deepcluster_differs_from_deeprank_in_its_labels_alone(
    row, n_clusters
):
    cfg, rank = load(f'deepcluster/{row}'), load(f'deeprank/{row}')
    assert cfg.model.head.n_clusters == n_clusters
    assert cfg.model.head.in_channels == rank.model.head.in_channels
    assert cfg.model.encoder == rank.model.encoder
    assert dict(cfg.custom_hooks[0], type='RankLabelHook') == dict(
        rank.custom_hooks[0]
    )
    assert cfg.custom_hooks[1:] == rank.custom_hooks[1:]
    same = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    for key in (*same, 'train_cfg', 'optim_wrapper', 'default_hooks'):
        assert cfg[key] == rank[key], key


@pytest.mark.parametrize('data', ['digits', 'cifar100'])
def test_images(data):
    rank, cluster = (
        load(f'images/{method}_{data}.py')
        for method in ('deeprank', 'deepcluster')
    )
    changed = {key for key in rank if rank[key] != cluster[key]}
    assert changed == {'work_dir', 'model', 'val_evaluator', 'custom_hooks'}
    assert rank.model.encoder == cluster.model.encoder
    assert rank.model.encoder.depth == 18
    assert dict(cluster.custom_hooks[0], type='RankLabelHook') == dict(
        rank.custom_hooks[0]
    )
    # pretraining never meets the test split
    train, val, test, support = (
        loader.dataset
        for loader in (
            rank.train_dataloader,
            rank.val_dataloader,
            rank.test_dataloader,
            rank.test_cfg.support_dataloader,
        )
    )
    assert train.split == val.split == support.split == 'train'
    assert (train.holdout.part, val.holdout.part) == ('train', 'holdout')
    assert test.split == 'test' and 'holdout' not in test
    flips = [step.type for step in train.pipeline].count('RandomFlip')
    assert flips == (data == 'cifar100')  # a mirrored digit is none


def test_the_papers_run_on_images():
    cfg = load('images/deeprank_cifar100.py')
    assert cfg.optim_wrapper.optimizer == dict(
        type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4
    )
    assert cfg.train_dataloader.batch_size == 64
    assert cfg.custom_hooks[0].get('interval') is None
    tune = load('images/finetune_cifar100.py')
    assert tune.train_cfg.max_epochs == 100
    assert tune.optim_wrapper.optimizer.lr == 0.1
    assert tune.param_scheduler[0].milestones == [50, 75]
    assert tune.model.backbone == cfg.model.encoder
    assert tune.train_dataloader.dataset.split == 'train'
    assert 'holdout' not in tune.train_dataloader.dataset
    assert tune.custom_hooks[0].checkpoint == cfg.work_dir[2:]


@pytest.mark.parametrize(
    'name, where, value',
    [
        ('norm_none', 'model.normalization', 'none'),
        ('norm_minmax', 'model.normalization', 'minmax'),
        ('norm_l1', 'model.normalization', 'l1'),
        ('head_mlp', 'model.head.type', 'MLPRankingHead'),
        ('head_vit', 'model.head.type', 'ViTRankingHead'),
        ('head_relu', 'model.head.act', 'ReLU'),
        ('head_cosine', 'model.head.type', 'CosineRankingHead'),
        ('views_other', 'model.views', ['other']),
        ('views_all', 'model.views', ['all']),
        ('views_self_other', 'model.views', ['self', 'other']),
        ('views_self_all', 'model.views', ['self', 'all']),
        ('no_calibration', 'custom_hooks.0.calibrate', False),
        ('refresh_plateau', 'custom_hooks.0.patience', 3),
        ('refresh_never', 'custom_hooks.0.max_cycles', 1),
        ('reset_head', 'custom_hooks.0.reset_head', True),
        ('restart_lr', 'custom_hooks.0.restart_lr', True),
    ],
)
def test_an_ablation_changes_one_thing(name, where, value):
    cfg = load(f'ablations/nwucla_{name}.py')
    method = 'mv_deeprank' if name.startswith('views') else 'deeprank'
    base = load(f'{method}/stgcn_nwucla_xview.py')
    found = cfg
    for key in where.split('.'):
        found = found[int(key) if key.isdigit() else key]
    assert found == value
    changed = {key for key in cfg if cfg[key] != base.get(key)}
    part = {where.split('.')[0]}
    if name == 'restart_lr':
        part.add('param_scheduler')
    assert changed == {'work_dir', *part}


@pytest.mark.parametrize(
    'row, queue, momentum, epochs',
    [
        ('stgcn_ntu60_xsub.py', 32768, 0.999, 300),
        ('stgcn_nwucla_xview.py', 512, 0.99, 60),
        ('stgcn_utdmhad_xsub.py', 256, 0.99, 120),
    ],
)
def test_skeletonclr(row, queue, momentum, epochs):
    cfg, rank = load(f'skeletonclr/{row}'), load(f'deeprank/{row}')
    model = cfg.model
    assert (model.queue_size, model.momentum) == (queue, momentum)
    assert model.temperature == 0.07
    assert model.encoder == rank.model.encoder
    assert cfg.train_cfg.max_epochs == epochs
    # two clips, each with a shear and a crop of its own
    centre, clips, *rest = cfg.train_dataloader.dataset.pipeline
    steps = rank.train_dataloader.dataset.pipeline
    assert [centre, *rest] == [steps[0], *steps[4:]]
    assert clips.num_clips == 2
    assert [step.type for step in clips.transforms] == [
        'Shear',
        'TemporalCropResize',
        'GenerateModalities',
    ]
    # validation compares the held-out part with the training part
    support = cfg.val_cfg.support_dataloader.dataset
    assert support.holdout.part == 'train'
    assert support.pipeline == cfg.test_dataloader.dataset.pipeline
    assert cfg.val_dataloader == rank.val_dataloader


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


@pytest.mark.parametrize('backbone', ['stgcnpp', 'aagcn'])
@pytest.mark.parametrize('data', ['ntu60_xsub', 'nwucla_xview'])
@pytest.mark.parametrize('folder', ['deeprank', 'finetune', 'linear'])
def test_other_backbones_differ_in_nothing_but_the_model(
    folder, data, backbone
):
    cfg = load(f'{folder}/{backbone}_{data}.py')
    stgcn = load(f'{folder}/stgcn_{data}.py')
    for key in set(cfg) | set(stgcn):
        if key not in ('model', 'work_dir', 'custom_hooks'):
            assert cfg[key] == stgcn[key], key
    assert len(cfg.custom_hooks) == len(stgcn.custom_hooks)
    part = 'encoder' if folder == 'deeprank' else 'backbone'
    changed = {part: stgcn.model[part]}
    assert dict(cfg.model, **changed) == stgcn.model


def test_stock_weights_fit_the_other_backbones():
    """The graphs and options are those of MMAction2's own configs."""
    folder = mim_folder() / 'configs' / 'skeleton'
    for name, stock, extra in (
        ('stgcnpp', 'stgcnpp/stgcnpp', {}),
        ('aagcn', '2s-agcn/2s-agcn', dict(gcn_attention=False)),
    ):
        ours = load(f'finetune/{name}_ntu60_xsub.py')
        ours.model.backbone.update(extra)
        theirs = Config.fromfile(
            folder / f'{stock}_8xb16-joint-u100-80e_ntu60-xsub-keypoint-3d.py'
        )
        ours, theirs = build(ours), build(theirs)
        check_state_dict(ours, theirs.state_dict(), name)


def test_scores_of_2d_keypoints_are_neither_moved_nor_differenced():
    cfg = load('deeprank/stgcn_coco2d_ntu60_xsub.py')
    modalities = ['joint', 'bone', 'motion']
    steps = cfg.train_dataloader.dataset.pipeline
    assert steps[3].type == 'GenerateModalities'
    steps[3].modalities = modalities
    with DefaultScope.overwrite_default_scope('mmaction'):
        steps = Compose(steps)
    score = np.full((2, 130, 17), 0.7, dtype=np.float16)
    keypoint = np.random.uniform(100, 900, (2, 130, 17, 2))
    packed = steps(
        dict(
            sample_id='x',
            label=0,
            total_frames=130,
            img_shape=(1080, 1920),
            keypoint=keypoint.astype(np.float16),
            keypoint_score=score,
        )
    )
    inputs = packed['inputs'].numpy()
    assert inputs.shape == (1, 2, 120, 17, 9)
    joint, bone, motion = np.split(inputs, 3, axis=-1)
    # of the bone and the motion it is the mean of two scores, and zero where
    # there is no motion: at the last frame
    for part in (joint, bone, motion[:, :, :-1]):
        np.testing.assert_allclose(part[..., 2], 0.7, atol=1e-3)
    assert (motion[:, :, -1] == 0).all()
    # the coordinates are made, from those of the joints
    assert np.ptp(bone[..., :2]) > 0.1
    np.testing.assert_allclose(
        motion[:, :, :-1, :, :2],
        np.diff(joint[..., :2], axis=2),
        atol=1e-6,
    )
