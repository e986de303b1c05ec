"""Every backbone learns to rank on every layout and modality."""

import numpy as np
import pytest
import torch
from mmaction import engine  # noqa: F401  (registers AAGCN's initialiser)
from mmaction.registry import MODELS
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from torch import nn

from deeprank_mm.datasets import get_layout
from deeprank_mm.structures import FeatureBank
from tests import toy

FRAMES, PEOPLE, BATCH = 8, 2, 4
# Joints, coordinates, and whether they have scores.
LAYOUTS = {
    'nturgb+d': ('nturgb+d', 25, 3, False),
    'coco': ('coco', 17, 2, True),
    'openpose': ('openpose', 18, 2, True),
    'kinect20': (get_layout('kinect20'), 20, 3, False),
    'dict': (toy.LAYOUT, 5, 3, False),
}
SMALL = dict(
    base_channels=8, num_stages=3, inflate_stages=[3], down_stages=[3]
)


class OwnBackbone(nn.Module):
    """The least that a user may register: (N, M, T, V, C) to features."""

    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(3, width)

    def forward(self, x):
        """Any of the shapes that GCN backbones return: (N, M, D, T, V)."""
        return self.layer(x).relu().permute(0, 1, 4, 2, 3)


def encoder(backbone, layout, joints):
    graph = dict(layout=layout, mode='spatial')
    return {
        'STGCN': dict(
            type='STGCN',
            graph_cfg=dict(layout=layout, mode='stgcn_spatial'),
            **SMALL,
        ),
        'FastSTGCN': dict(
            type='FastSTGCN',
            graph_cfg=dict(layout=layout, mode='stgcn_spatial'),
            **SMALL,
        ),
        'STGCN++': dict(
            type='STGCN',
            gcn_adaptive='init',
            gcn_with_res=True,
            tcn_type='mstcn',
            graph_cfg=graph,
            **SMALL,
        ),
        'AAGCN': dict(type='AAGCN', graph_cfg=graph, **SMALL),
        '2s-AGCN': dict(
            type='AAGCN', gcn_attention=False, graph_cfg=graph, **SMALL
        ),
        'STTFormer': dict(
            type='STTFormer',
            num_joints=joints,
            num_frames=FRAMES,
            len_parts=4,
            num_heads=1,
            config=[[8, 16, 4]],
        ),
        'OwnBackbone': dict(type='OwnBackbone', width=16),
    }[backbone]


@pytest.fixture(autouse=True)
def registered():
    MODELS.register_module(module=OwnBackbone, force=True)
    yield
    MODELS.module_dict.pop('OwnBackbone')


def batch(layout, modality):
    """Random clips through the pipeline, as the model gets them."""
    layout, joints, dims, scored = LAYOUTS[layout]
    with DefaultScope.overwrite_default_scope('mmaction'):
        pipeline = Compose(
            [
                dict(type='TemporalCropResize', length=FRAMES, crop=0.95),
                dict(type='RandomRotation'),
                dict(
                    type='GenerateModalities',
                    layout=layout,
                    modalities=[modality],
                ),
                dict(type='FormatGCNInput', num_person=PEOPLE),
                dict(type='PackActionInputs', meta_keys=('sample_id',)),
            ]
        )
    samples = []
    for i in range(BATCH):
        # one person and several, as they come
        people = 1 + i % PEOPLE
        clip = dict(
            sample_id=f's{i}',
            label=0,
            total_frames=10,
            keypoint=np.random.normal(size=(people, 10, joints, dims)),
        )
        if scored:
            clip['keypoint_score'] = np.random.uniform(
                size=(people, 10, joints)
            )
        samples.append(pipeline(clip))
    return pseudo_collate(samples)


@pytest.mark.parametrize('modality', ['joint', 'bone', 'motion'])
@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize(
    'backbone',
    [
        'STGCN',
        'FastSTGCN',
        'STGCN++',
        'AAGCN',
        '2s-AGCN',
        'STTFormer',
        'OwnBackbone',
    ],
)
def test_ranks_and_learns(backbone, layout, modality):
    model = MODELS.build(
        dict(
            type='MultiViewRanker',
            encoder=encoder(backbone, *LAYOUTS[layout][:2]),
            head=dict(type='TripletRankingHead', in_channels=16),
            modalities=[modality],
        )
    )
    data = model.data_preprocessor(batch(layout, modality), True)
    assert data['inputs'].shape[-1] == 3
    model.train_bank = FeatureBank(
        [f's{i}' for i in range(BATCH)], {modality: torch.randn(BATCH, 5)}
    )
    losses = model(**data, mode='loss')
    loss = losses[f'loss_{modality}_self']
    assert loss.isfinite() and loss > 0
    loss.backward()
    gradients = {k: p.grad for k, p in model.encoders.named_parameters()}
    for name, value in gradients.items():
        assert value is not None and value.isfinite().all(), name
    assert any(value.abs().max() > 0 for value in gradients.values())
    model.eval()
    features = model(data['inputs'], mode='tensor')
    assert features[modality].shape == (BATCH, 16)
