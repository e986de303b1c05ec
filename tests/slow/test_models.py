"""One forward and backward of every distinct model of the paper's configs."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.registry import DefaultScope

from deeprank_mm.structures import FeatureBank

pytestmark = pytest.mark.slow

SAMPLES = 3


@pytest.mark.parametrize('backbone', ['stgcn', 'sttformer'])
@pytest.mark.parametrize('method', ['deeprank', 'mv_deeprank', 'finetune'])
def test_forward_backward(repo_root, method, backbone):
    cfg = Config.fromfile(
        repo_root / 'configs' / method / f'{backbone}_ntu60_xsub.py'
    )
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg.model)
    modalities = cfg.model.get('modalities', ['joint'])
    inputs = torch.randn(SAMPLES, 1, 2, 120, 25, 3 * len(modalities))
    samples = [
        ActionDataSample(metainfo=dict(sample_id=str(i))).set_gt_label(i)
        for i in range(SAMPLES)
    ]
    if method != 'finetune':
        model.train_bank = FeatureBank(
            [str(i) for i in range(SAMPLES)],
            {m: torch.randn(SAMPLES, 256) for m in modalities},
        )
    losses = model(inputs, samples, mode='loss')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    assert loss.isfinite()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
