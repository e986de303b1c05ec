"""One process; tests/slow/test_process_equality.py has several."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from deeprank_mm.models.rankers.triplet_pool import GlobalPool, LocalPool
from deeprank_mm.structures import FeatureBank
from tests import toy


def losses(pool):
    torch.manual_seed(0)
    model = MODELS.build(toy.ranker(triplet_pool=pool))
    ids = [f's{i}' for i in range(6)]
    model.train_bank = FeatureBank(ids, dict(joint=torch.randn(6, 7)))
    samples = [ActionDataSample(metainfo=dict(sample_id=i)) for i in ids]
    out = model(torch.randn(6, 1, 1, 8, 5, 3), samples, mode='loss')
    out['loss_joint_self'].backward()
    return out, [p.grad for p in model.parameters()]


def test_on_one_process_both_pools_are_the_same():
    (local, expected), (every, grads) = losses('local'), losses('global')
    assert local.keys() == every.keys()
    for key, value in local.items():
        assert torch.equal(value, every[key])
    for one, two in zip(grads, expected):
        assert torch.equal(one, two)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_a_global_pool_of_one_process_is_its_batch(dtype):
    rows = torch.tensor([4, 0, 2, 9])
    features = {
        m: torch.randn(4, d, dtype=dtype, requires_grad=True)
        for m, d in (('joint', 3), ('bone', 5))
    }
    pool, local = GlobalPool(rows), LocalPool(rows)
    assert torch.equal(pool.rows, local.rows)
    assert pool.anchors == slice(0, 4)
    for name, value in pool.gather(features).items():
        assert torch.equal(value, features[name])
        weight = torch.randn_like(value)
        (value * weight).sum().backward(retain_graph=True)
        assert torch.equal(features[name].grad, weight)


def test_features_are_gathered_in_full_precision():
    features = dict(joint=torch.randn(4, 3).bfloat16().requires_grad_())
    every = GlobalPool(torch.arange(4)).gather(features)['joint']
    assert every.dtype == torch.float32
    every.sum().backward()
    assert features['joint'].grad.dtype == torch.bfloat16
