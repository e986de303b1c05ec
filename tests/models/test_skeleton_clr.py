"""Against a literal MoCo, one number at a time."""

import math

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from deeprank_mm.models.contrastive.key_queue import KeyQueue
from deeprank_mm.models.heads import ProjectionHead
from tests import toy


def contrast(modalities=('joint',), **kwargs):
    return MODELS.build(toy.contraster(modalities, **kwargs)).eval()


def batch(size=4, modalities=1, clips=2):
    inputs = torch.randn(size, clips, 1, 8, 5, 3 * modalities)
    samples = [
        ActionDataSample(metainfo=dict(sample_id=f's{i}')) for i in range(size)
    ]
    return inputs, samples


def test_loss_is_info_nce_with_the_queues_keys():
    model = contrast(queue_size=6, temperature=0.2, momentum=0.0)
    inputs, samples = batch()
    queue = model.queues['joint'].keys.clone()
    losses = model(inputs, samples, mode='loss')
    with torch.no_grad():
        query, key = (
            model.heads['joint'](model.extract_feat(clip)['joint'])
            for clip in (inputs[:, :1], inputs[:, 1:])
        )
    total = hits = 0
    for q, k in zip(query, key):
        similar = [float(q @ other) for other in (k, *queue)]
        exps = [math.exp(s / 0.2) for s in similar]
        total -= math.log(exps[0] / sum(exps))
        hits += similar[0] == max(similar)
    assert float(losses['loss_joint']) == pytest.approx(total / 4, rel=1e-4)
    assert float(losses['acc_joint']) == pytest.approx(hits / 4)
    # then the keys are the newest in the queue
    torch.testing.assert_close(model.queues['joint'].keys[:4], key)
    assert torch.equal(model.queues['joint'].keys[4:], queue[4:])


def test_keys_follow_and_only_queries_learn():
    model = contrast(momentum=0.75)
    with torch.no_grad():
        for parameter in model.encoders.parameters():
            parameter.add_(1.0)
    before = [p.clone() for p in model.key_encoders.parameters()]
    sum(v for k, v in model.loss(*batch()).items() if 'loss' in k).backward()
    for old, new, aim in zip(
        before,
        model.key_encoders.parameters(),
        model.encoders.parameters(),
    ):
        torch.testing.assert_close(new, 0.75 * old + 0.25 * aim)
        assert new.grad is None
    assert all(p.grad is None for p in model.key_heads.parameters())
    grads = [p.grad for p in model.encoders.parameters()]
    assert sum(g.abs().sum() for g in grads if g is not None) > 0


def test_keys_start_as_the_queries():
    model = contrast()
    model.init_weights()
    pairs = zip(model.encoders.parameters(), model.key_encoders.parameters())
    assert all(torch.equal(one, two) for one, two in pairs)


def test_the_state_holds_what_a_resumed_run_needs():
    one, two = contrast(), contrast()
    one.loss(*batch())
    two.load_state_dict(one.state_dict())
    inputs, samples = batch()
    losses = [model.loss(inputs, samples) for model in (one, two)]
    assert torch.equal(losses[0]['loss_joint'], losses[1]['loss_joint'])
    for key, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[key]), key


def test_modalities_are_independent():
    both = contrast(('joint', 'bone'))
    alone = contrast(['bone'])
    alone.load_state_dict(
        {k: v for k, v in both.state_dict().items() if '.joint.' not in k}
    )
    inputs, samples = batch(modalities=2)
    one = both.loss(inputs, samples)
    two = alone.loss(inputs[..., 3:], samples)
    assert set(one) == {'loss_joint', 'acc_joint', 'loss_bone', 'acc_bone'}
    assert torch.equal(one['loss_bone'], two['loss_bone'])


@pytest.mark.parametrize('clips', [1, 3])
def test_two_clips_a_sample(clips):
    with pytest.raises(ValueError, match='two clips.*AugmentClips'):
        contrast().loss(*batch(clips=clips))


def test_a_loss_that_is_not_finite_spoils_no_queue():
    model = contrast()
    before = model.queues['joint'].keys.clone()
    inputs, samples = batch()
    inputs[2] = float('nan')
    with pytest.raises(ValueError, match="of 1 of 4 samples.*'s2'"):
        model.loss(inputs, samples)
    assert torch.equal(model.queues['joint'].keys, before)


@pytest.mark.parametrize(
    'option',
    [dict(queue_size=0), dict(momentum=1.0), dict(temperature=0.0)],
)
def test_bad_settings(option):
    with pytest.raises(ValueError, match='SkeletonCLR needs a queue_size'):
        contrast(**option)


def test_the_queue_is_a_ring():
    queue = KeyQueue(5, 1)
    for start in range(0, 8, 2):
        queue.push(torch.arange(start, start + 2.0)[:, None])
    # 0 to 7 went in: 3 to 7 are there
    assert sorted(queue.keys[:, 0].tolist()) == [3, 4, 5, 6, 7]
    queue.push(torch.arange(10, 17.0)[:, None])
    assert sorted(queue.keys[:, 0].tolist()) == [12, 13, 14, 15, 16]


def test_projections_are_unit_vectors():
    head = ProjectionHead(4, 6, 3)
    out = head(torch.randn(5, 4))
    torch.testing.assert_close(out.norm(dim=1), torch.ones(5))
    assert head.fc0.out_features == 6
    with pytest.raises(ValueError, match=r'\(B, 4\).*\(5, 7\)'):
        head(torch.randn(5, 7))
    with pytest.raises(ValueError, match='positive widths'):
        ProjectionHead(0)
