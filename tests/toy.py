"""A small run on random skeletons, built like a user's: from a config."""

import copy
import pickle

import numpy as np
import torch
from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import distributed

from deeprank_mm import compat

LAYOUT = dict(num_node=5, inward=[(0, 1), (2, 1), (3, 1), (4, 1)], center=1)
ENCODER = dict(
    type='STGCN',
    graph_cfg=dict(layout=LAYOUT, mode='stgcn_spatial'),
    base_channels=4,
    num_stages=3,
    inflate_stages=[3],
    down_stages=[3],
)
WIDTH = 8


def annotations(count=20, classes=2, subjects=5, seed=0, frames=12):
    """Random walks of five joints, each class around its own pose."""
    rng = np.random.default_rng(seed)
    poses = rng.normal(size=(classes, 1, 1, 5, 3))
    out = []
    for i in range(count):
        steps = rng.normal(scale=0.2, size=(1, frames + i % 3, 5, 3))
        keypoint = poses[i % classes] + steps.cumsum(1)
        out.append(
            dict(
                frame_dir=f'clip{i:03d}',
                label=i % classes,
                subject=i % subjects,
                keypoint=keypoint.astype(np.float32),
                total_frames=keypoint.shape[1],
            )
        )
    return out


def annotation_file(path, **kwargs):
    """Write an MMAction2 annotation file with splits train and test."""
    data = annotations(**kwargs)
    ids = [a['frame_dir'] for a in data]
    cut = len(ids) * 3 // 4
    with open(path, 'wb') as file:
        pickle.dump(
            dict(
                split=dict(train=ids[:cut], test=ids[cut:]), annotations=data
            ),
            file,
        )
    return str(path)


def overflow(ann_file, name):
    """Give a sample coordinates that float32 holds, but no network."""
    with open(ann_file, 'rb') as file:
        content = pickle.load(file)
    for item in content['annotations']:
        if item['frame_dir'] == name:
            item['keypoint'] = np.full_like(item['keypoint'], 3e38)
            item['keypoint'][:, ::2] = -3e38
    with open(ann_file, 'wb') as file:
        pickle.dump(content, file)


def pipeline(modalities=('joint',), crop=0.95):
    return [
        dict(type='CentreSkeleton', joint=1),
        dict(type='TemporalCropResize', length=8, crop=crop, min_frames=4),
        dict(
            type='GenerateModalities',
            layout=LAYOUT,
            modalities=list(modalities),
        ),
        dict(type='FormatGCNInput', num_person=1),
        dict(type='PackActionInputs', meta_keys=('sample_id', 'frame_dir')),
    ]


def ranker(modalities=('joint',), views=('self',), **kwargs):
    return dict(
        type='MultiViewRanker',
        encoder=copy.deepcopy(ENCODER),
        head=dict(
            type='TripletRankingHead', in_channels=WIDTH, hidden_channels=6
        ),
        modalities=list(modalities),
        views=list(views),
        **kwargs,
    )


def clusterer(modalities=('joint',), n_clusters=3):
    return dict(
        type='ClusterClassifier',
        encoder=copy.deepcopy(ENCODER),
        head=dict(
            type='ClusterHead', in_channels=WIDTH, n_clusters=n_clusters
        ),
        modalities=list(modalities),
    )


def contraster(modalities=('joint',), queue_size=8, **kwargs):
    return dict(
        type='SkeletonCLR',
        encoder=copy.deepcopy(ENCODER),
        head=dict(type='ProjectionHead', in_channels=WIDTH, out_channels=4),
        modalities=list(modalities),
        queue_size=queue_size,
        **kwargs,
    )


def pretrain_config(
    folder,
    epochs=2,
    hook=None,
    modalities=('joint',),
    views=('self',),
    workers=0,
    **data,
):
    """A pretraining run in ``folder``; ``hook`` are RankLabelHook's args."""
    folder.mkdir(parents=True, exist_ok=True)
    ann_file = annotation_file(folder / 'toy.pkl', **data)
    hold = dict(fraction=0.3, seed=0, group='subject')

    def dataset(part, crop, **extra):
        return dict(
            type='SkeletonDataset',
            ann_file=ann_file,
            split='train',
            pipeline=pipeline(modalities, crop),
            holdout=dict(part=part, **hold),
            **extra,
        )

    def loader(data, shuffle, size):
        return dict(
            batch_size=size,
            num_workers=workers,
            persistent_workers=workers > 0,
            sampler=dict(type='DefaultSampler', shuffle=shuffle),
            dataset=data,
        )

    return Config(
        dict(
            default_scope='mmaction',
            work_dir=str(folder / 'work'),
            experiment_name=folder.name,
            model=ranker(modalities, views),
            train_dataloader=loader(dataset('train', (0.5, 1.0)), True, 4),
            val_dataloader=loader(
                dataset('holdout', 0.95, test_mode=True), False, 4
            ),
            train_cfg=dict(
                type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=1
            ),
            val_cfg=dict(type='ValLoop'),
            val_evaluator=[dict(type='RankingMetric', block_size=8)],
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=0.05, momentum=0.9)
            ),
            custom_hooks=[
                dict(type='RankLabelHook', **(hook or dict(interval=1)))
            ],
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', interval=1),
                logger=dict(type='LoggerHook', interval=1),
            ),
            visualizer=dict(
                type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]
            ),
            randomness=dict(seed=0),
        )
    )


def cluster_config(folder, epochs=2, hook=None, modalities=('joint',), **data):
    """The same run of DeepCluster; ``hook`` are ClusterLabelHook's args."""
    cfg = pretrain_config(folder, epochs, modalities=modalities, **data)
    cfg.model = clusterer(modalities)
    cfg.val_evaluator = [dict(type='ClusterMetric')]
    cfg.custom_hooks = [
        dict(type='ClusterLabelHook', **(hook or dict(interval=1)))
    ]
    return cfg


def contrast_config(folder, epochs=2):
    """The same run of SkeletonCLR."""
    cfg = pretrain_config(folder, epochs)
    cfg.model = contraster(momentum=0.5)
    train = cfg.train_dataloader.dataset
    support = dict(train, pipeline=pipeline(), test_mode=True)
    centre, crop, modalities, *rest = train.pipeline
    train.pipeline = [
        centre,
        dict(
            type='AugmentClips',
            transforms=[dict(type='Shear'), crop, modalities],
        ),
        *rest,
    ]
    cfg.val_cfg = dict(
        type='FeatureValLoop',
        support_dataloader=dict(batch_size=4, dataset=support),
    )
    cfg.val_evaluator = [dict(type='KNNMetric')]
    cfg.custom_hooks = [dict(type='EpochSeedHook')]
    return cfg


def finetune_config(folder, checkpoint=None, epochs=2, modality='joint'):
    """A supervised run: train on ``train``, validate and test on ``test``."""
    cfg = pretrain_config(folder, epochs)
    cfg.model = dict(
        type='RecognizerGCN',
        backbone=copy.deepcopy(ENCODER),
        cls_head=dict(type='GCNHead', num_classes=2, in_channels=WIDTH),
    )
    test = cfg.val_dataloader.dataset
    test.update(split='test', pipeline=pipeline([modality]))
    for dataset in (cfg.train_dataloader.dataset, test):
        dataset.pop('holdout')
    cfg.train_dataloader.dataset.pipeline = pipeline([modality], (0.5, 1.0))
    cfg.test_dataloader = copy.deepcopy(cfg.val_dataloader)
    cfg.test_cfg = dict(type='TestLoop')
    cfg.val_evaluator = cfg.test_evaluator = [dict(type='AccMetric')]
    cfg.custom_hooks = [
        dict(
            type='LoadEncoderHook',
            checkpoint=checkpoint,
            modality=modality,
            scratch=checkpoint is None,
        ),
        dict(type='EpochSeedHook'),
    ]
    return cfg


def build_runner(cfg):
    return Runner.from_cfg(copy.deepcopy(cfg))


def assert_same_weights(one, two):
    """Two state dicts, wherever their tensors are."""
    assert one.keys() == two.keys()
    for key, value in one.items():
        assert torch.equal(value.cpu(), two[key].cpu()), key


def build_dataset(ann_file, crop=0.95, **kwargs):
    """A SkeletonDataset outside of any run."""
    cfg = dict(
        type='SkeletonDataset', ann_file=ann_file, pipeline=pipeline(crop=crop)
    )
    with DefaultScope.overwrite_default_scope('mmaction'):
        return DATASETS.build(dict(cfg, **kwargs))


def leave_group():
    """End a process of a group that a test has spawned, after all others."""
    distributed.barrier()
    compat.leave_dist()
