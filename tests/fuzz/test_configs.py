"""Wrong keys and types in configs are named, not met deep inside."""

import copy

import numpy as np
import torch
from hypothesis import strategies as st
from mmaction.registry import HOOKS, METRICS, MODELS, TRANSFORMS
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope

from deeprank_mm.structures import FeatureBank
from tests import toy
from tests.fuzz.harness import clear, fuzz
from tests.fuzz.junk import mangled

NAMES = [f's{i}' for i in range(6)]


def bank(modalities, width=toy.WIDTH, names=NAMES):
    rng = torch.Generator().manual_seed(0)
    return FeatureBank(
        names,
        {m: torch.randn(6, width, generator=rng) for m in modalities},
        [0, 1, 0, 1, 0, 1],
    )


def use_transform(transform):
    rng = np.random.default_rng(0)
    result = transform(
        dict(
            keypoint=rng.normal(size=(1, 9, 20, 3)).astype(np.float32),
            frame_dir='clip',
        )
    )
    assert result['keypoint'].dtype == np.float32
    assert np.isfinite(result['keypoint']).all()


def use_ranker(ranker):
    if ranker.triplet_pool == 'global':
        return
    ranker.train_bank = bank(ranker.modalities)
    inputs = torch.randn(6, 1, 1, 8, 5, 3 * len(ranker.modalities))
    samples = [ActionDataSample(metainfo=dict(sample_id=n)) for n in NAMES]
    losses = ranker.loss(inputs, samples)
    assert all(value.isfinite() for value in losses.values())
    sum(v for k, v in losses.items() if 'loss' in k).backward()


def use_head(head):
    distances = torch.cdist(torch.randn(6, 2), torch.randn(6, 2))
    assert head.loss(torch.randn(6, toy.WIDTH), distances).loss.isfinite()


def use_sttformer(encoder):
    if encoder.in_channels == 3:
        assert encoder(torch.randn(1, 1, 12, 5, 3)).isfinite().all()


def use_metric(metric):
    queries = bank(['joint'], names=[f'query {name}' for name in NAMES])
    for value in metric.compare(bank(['joint']), queries).values():
        assert 0 <= value <= 1


def nothing(_):
    pass


LAYOUT = dict(num_node=20, inward=[(i, i - 1) for i in range(1, 20)], center=0)
COMPONENTS = [
    (TRANSFORMS, use_transform, dict(type='CentreSkeleton', joint=1)),
    (
        TRANSFORMS,
        use_transform,
        dict(
            type='TemporalCropResize',
            length=8,
            crop=(0.5, 1.0),
            min_frames=4,
        ),
    ),
    (
        TRANSFORMS,
        use_transform,
        dict(type='RandomRotation', theta=[0.3, 0.1, 2], score_channel=False),
    ),
    (
        TRANSFORMS,
        use_transform,
        dict(
            type='GenerateModalities',
            layout=LAYOUT,
            modalities=['joint', 'bone'],
        ),
    ),
    (
        TRANSFORMS,
        use_transform,
        dict(type='MapJoints', source='utd_mhad', target='kinect20'),
    ),
    (
        MODELS,
        use_ranker,
        dict(
            toy.ranker(['joint', 'bone'], ['self', 'other']),
            view_weights=dict(self=0.5),
            train_modalities=['joint'],
            normalization='l2',
        ),
    ),
    (
        MODELS,
        use_head,
        dict(
            type='TripletRankingHead',
            in_channels=toy.WIDTH,
            hidden_channels=6,
            act='ReLU',
        ),
    ),
    (
        MODELS,
        use_sttformer,
        dict(
            type='STTFormer',
            num_joints=5,
            num_frames=12,
            len_parts=6,
            num_heads=2,
            kernel_size=[3, 5],
            config=[[8, 8, 4], [8, 16, 4]],
            use_pes=True,
            att_drop=0.1,
            dropout2d=0.1,
        ),
    ),
    (
        HOOKS,
        nothing,
        dict(
            type='RankLabelHook',
            interval=2,
            patience=2,
            min_delta=0.1,
            max_cycles=3,
            pipeline=toy.pipeline(),
            batch_size=4,
            collapse_threshold=0.1,
        ),
    ),
    (
        HOOKS,
        nothing,
        dict(type='BankEvalHook', metrics=[dict(type='KNNMetric', k=[1])]),
    ),
    (
        HOOKS,
        nothing,
        dict(type='LoadEncoderHook', checkpoint='a.pth', modality='joint'),
    ),
    (HOOKS, nothing, dict(type='EpochSeedHook')),
    (HOOKS, nothing, dict(type='FiniteHook')),
    (HOOKS, nothing, dict(type='StrictLoadHook')),
    (METRICS, use_metric, dict(type='KNNMetric', k=(1, 3), temperature=0.1)),
    (
        METRICS,
        use_metric,
        dict(
            type='LinearProbeMetric',
            fractions=[1.0, 0.5],
            subsets=2,
            regularization=1.0,
        ),
    ),
    (METRICS, nothing, dict(type='RankingMetric', block_size=8)),
]


def ours(path):
    """Not the arguments of upstream's classes."""
    return 'encoder' not in path[:-1] and 'type' not in path


def build_and_use(registry, use, cfg):
    with DefaultScope.overwrite_default_scope('mmaction'):
        component = registry.build(copy.deepcopy(cfg))
    use(component)


def test_the_components_are_sound():
    for registry, use, cfg in COMPONENTS:
        build_and_use(registry, use, cfg)


@fuzz(
    250,
    4000,
    data=st.data(),
    component=st.sampled_from(COMPONENTS),
)
def test_any_argument(data, component):
    registry, use, original = component
    cfg = data.draw(mangled(original, where=ours))
    torch.manual_seed(0)
    np.random.seed(0)
    clear(build_and_use, registry, use, cfg)
