"""A loss that is not finite is an error that names the samples."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope
from torch import nn

from deeprank_mm.models.finite import all_finite, check_losses
from deeprank_mm.structures import FeatureBank
from tests import toy

RECOGNIZER = dict(
    type='RecognizerGCN',
    backbone=toy.ENCODER,
    cls_head=dict(type='GCNHead', num_classes=2, in_channels=toy.WIDTH),
)
NAMES = [f's{i}' for i in range(6)]


def build(**kwargs):
    torch.manual_seed(0)
    model = MODELS.build(toy.ranker(**kwargs))
    model.init_weights()
    model.train_bank = FeatureBank(
        NAMES, {m: torch.randn(6, 7) for m in model.modalities}
    )
    return model


def batch(size=6, modalities=1):
    return torch.randn(size, 1, 1, 8, 5, 3 * modalities), [
        ActionDataSample(metainfo=dict(sample_id=name))
        for name in NAMES[:size]
    ]


def message_of(model, inputs, samples):
    with pytest.raises(ValueError, match='training loss is not finite') as e:
        model.loss(inputs, samples)
    return str(e.value)


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_the_samples_with_bad_inputs_are_named_and_no_others(value):
    inputs, samples = batch()
    inputs[2, 0, 0, 3, 1] = inputs[5, 0, 0, 0, 0, 0] = value
    message = message_of(build(), inputs, samples)
    assert "inputs of 2 of 6 samples are NaN or infinite, 's2', 's5':" in (
        message
    )
    assert 'loss_joint_self' in message


class Overflowing(nn.Module):
    """Its own sample alone is infinite, and BatchNorm makes all of them so."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, toy.WIDTH)
        self.norm = nn.BatchNorm1d(toy.WIDTH)

    def forward(self, x):
        return self.norm(self.fc(x.mean(dim=(1, 2, 3))).exp())


def test_batch_norm_does_not_blur_whose_features_overflow():
    model = build()
    model.encoders['joint'] = Overflowing()
    inputs, samples = batch()
    assert all_finite(model.loss(inputs, samples))
    inputs[4] *= 1e4
    message = message_of(model, inputs, samples)
    assert "features of 1 of 6 samples are NaN or infinite, 's4':" in message


def test_weights_that_have_diverged():
    model = build()
    with torch.no_grad():
        next(model.encoders.parameters()).fill_(float('nan'))
    message = message_of(model, *batch())
    assert 'features of all samples' in message and 'learning rate' in message


def test_a_head_that_overflows():
    model = build()
    with torch.no_grad():
        model.heads['joint']['self'].fc1.weight.mul_(float('inf'))
    message = message_of(model, *batch())
    assert 'every sample are finite' in message and "'s0', 's1'" in message


def test_any_of_several_modalities():
    inputs, samples = batch(modalities=2)
    inputs[1, ..., 4] = float('nan')
    model = build(modalities=['joint', 'bone'])
    assert "1 of 6 samples are NaN or infinite, 's1':" in (
        message_of(model, inputs, samples)
    )
    parts = dict(zip(('joint', 'bone'), inputs.chunk(2, dim=-1)))
    assert "'s1':" in message_of(model, parts, samples)


def test_finite_losses_pass():
    model = build()
    assert all_finite(model.loss(*batch()))


def test_only_losses_count():
    # as where a batch holds no triplet: its accuracy is no number
    check_losses(
        None,
        None,
        (),
        dict(loss_a=torch.ones(()), acc=torch.tensor(torch.nan)),
    )


def test_samples_without_a_name_are_counted():
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(RECOGNIZER)
    inputs, _ = batch(3)
    inputs[1] = float('nan')
    with pytest.raises(ValueError, match='number 1 of the batch'):
        check_losses(
            model,
            inputs,
            [ActionDataSample() for _ in range(3)],
            dict(loss_cls=torch.tensor(torch.nan)),
        )


def test_many_samples_are_cut_short():
    model = build()
    inputs, samples = batch()
    losses = dict(loss=[torch.tensor(torch.inf)])
    with pytest.raises(ValueError, match="'s1' and 22 more"):
        check_losses(
            model,
            torch.full((30, *inputs.shape[1:]), torch.nan),
            samples[:2] * 15,
            losses,
        )


def test_a_model_with_inputs_of_its_own_kind():
    with pytest.raises(ValueError, match='look at the samples of the batch'):
        check_losses(
            torch.nn.Identity(),
            torch.ones(2, 3),
            batch(2)[1],
            dict(loss=torch.tensor(torch.nan)),
        )


def test_finite():
    nan = torch.tensor([0.0, torch.nan])
    sample = ActionDataSample()
    sample.set_pred_score(torch.ones(2))
    assert all_finite([dict(a=(torch.ones(2), 'x')), torch.arange(3), sample])
    assert all_finite(None) and all_finite([])
    assert not all_finite(dict(a=[torch.ones(1), (nan,)]))
    sample.set_pred_score(nan)
    assert not all_finite([sample])
