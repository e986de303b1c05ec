"""The multi-view loss against the paper's equations, written out anew.

Nothing here but the code under test comes from the package: eqs. 14, 17, 18,
13, 7, 8 and 21 are spelled out in float64, a triplet at a time.
"""

from itertools import permutations

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from deeprank_mm.models import TripletRankingHead
from deeprank_mm.ranking import pairwise_distance, view_distance
from deeprank_mm.structures import FeatureBank
from tests import toy

ALL = ('joint', 'bone', 'motion')
VIEWS = ('self', 'other', 'all')
WEIGHTS = {'self': 1.0, 'other': 0.5, 'all': 0.25}
SIZE = 6
IDS = [f's{i}' for i in range(SIZE)]


def unit(vector):
    return vector / (vector * vector).sum().sqrt()


def f_dis(one, two):  # eq. 3, L2-normalised
    return (unit(one) - unit(two)).pow(2).sum().sqrt()


def d_theta(bank, modality, view, a, c):
    """The distance that eq. 13 compares."""
    own = f_dis(bank[modality][a], bank[modality][c])
    others = [
        f_dis(bank[name][a], bank[name][c]) for name in ALL if name != modality
    ]
    return {
        'self': own,  # eq. 14
        'other': sum(others),  # eq. 17
        'all': own + sum(others),  # eq. 18
    }[view]


def literal_labels(bank, modality, view):
    """Eq. 13 for every triplet: does the first candidate win."""
    return {
        (a, c1, c2): bool(
            d_theta(bank, modality, view, a, c1)
            < d_theta(bank, modality, view, a, c2)
        )
        for a, c1, c2 in permutations(range(SIZE), 3)
    }


def literal_loss(features, bank, heads):
    """Eq. 21, summed over modalities, mean over triplets."""
    total = 0.0
    for modality in ALL:
        for view in VIEWS:
            head = heads[modality][view]
            labels = literal_labels(bank, modality, view)
            for (a, c1, c2), first in labels.items():
                anchor = features[modality][a]
                one, two = (  # eq. 7
                    head.fc0.weight @ torch.cat([anchor, candidate])
                    + head.fc0.bias
                    for candidate in (
                        features[modality][c1],
                        features[modality][c2],
                    )
                )
                # eqs. 8 and 20, and the cross-entropy of eq. 21
                y_hat = (
                    head.fc1.weight @ (one - two) + head.fc1.bias
                ).softmax(0)
                loss = -y_hat[0 if first else 1].log()
                total = total + WEIGHTS[view] * loss / len(labels)
    return total


def build(modalities=ALL, views=VIEWS, **kwargs):
    torch.manual_seed(0)
    model = MODELS.build(toy.ranker(modalities, views, **kwargs))
    model.init_weights()
    return model


def bank_of(modalities=ALL, width=7):
    torch.manual_seed(1)
    return FeatureBank(
        IDS, {name: torch.randn(SIZE, width) for name in modalities}
    )


def samples():
    return [ActionDataSample(metainfo=dict(sample_id=i)) for i in IDS]


def total_of(losses):
    return sum(v for k, v in losses.items() if k.startswith('loss'))


def test_the_nine_labels():
    bank = bank_of()
    table = {name: value.double() for name, value in bank.features.items()}
    distances = {name: pairwise_distance(v) for name, v in table.items()}
    every = []
    for modality in ALL:
        for view in VIEWS:
            d = view_distance(distances, modality, view)
            literal = literal_labels(table, modality, view)
            for (a, c1, c2), first in literal.items():
                assert bool(d[a, c1] < d[a, c2]) == first
            every.append(list(literal.values()))
    # seven different ones: the all view is the same for each modality
    assert len({tuple(labels) for labels in every}) == 7


def test_the_whole_loss_and_its_gradients(monkeypatch):
    model = build(view_weights=WEIGHTS).double()
    model.train_bank = bank_of()
    torch.manual_seed(2)
    features = {
        name: torch.randn(
            SIZE, toy.WIDTH, dtype=torch.float64
        ).requires_grad_()
        for name in ALL
    }
    monkeypatch.setattr(model, 'extract_feat', lambda *args: features)
    losses = model(None, samples(), mode='loss')
    assert len([k for k in losses if k.startswith('loss')]) == 9
    # as the training loop sums it
    whole, _ = model.parse_losses(losses)
    bank = {n: v.double() for n, v in model.train_bank.features.items()}
    wanted = literal_loss(features, bank, model.heads)
    assert whole.item() == pytest.approx(wanted.item(), rel=1e-12)
    leaves = [*features.values(), *model.heads.parameters()]
    # the literal head lets the anchor's weights and FC0's bias cancel
    got, reference = (
        torch.autograd.grad(loss, leaves) for loss in (whole, wanted)
    )
    for one, two in zip(got, reference):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-13)
    assert all(one.abs().sum() > 0 for one in got[:3])


@pytest.mark.parametrize(
    'order', [('bone', 'motion', 'joint'), ('motion', 'bone', 'joint')]
)
def test_permuted_modalities_permute_the_losses(order):
    """Modality ``ALL[i]`` plays what ``order[i]`` played."""
    names = dict(zip(ALL, order))
    torch.manual_seed(3)
    inputs = {n: torch.randn(SIZE, 1, 1, 8, 5, 3) for n in ALL}
    one, two = build(view_weights=WEIGHTS), build(view_weights=WEIGHTS)
    one.train_bank = bank_of()
    weights = one.state_dict()
    permuted = {}
    for key in weights:
        part, name, rest = key.split('.', 2)
        permuted[key] = weights[f'{part}.{names[name]}.{rest}']
    two.load_state_dict(permuted)
    two.train_bank = FeatureBank(
        IDS, {n: one.train_bank.features[names[n]] for n in ALL}
    )
    first = one(inputs, samples(), mode='loss')
    second = two({n: inputs[names[n]] for n in ALL}, samples(), mode='loss')
    for kind in ('loss', 'acc'):
        for name in ALL:
            for view in VIEWS:
                assert torch.equal(
                    second[f'{kind}_{name}_{view}'],
                    first[f'{kind}_{names[name]}_{view}'],
                )
    assert len({v.item() for k, v in first.items() if 'loss' in k}) == 9


def test_the_order_of_modalities_changes_nothing():
    torch.manual_seed(3)
    inputs = torch.randn(SIZE, 1, 1, 8, 5, 9)
    model, turned = build(), build(ALL[::-1])
    model.train_bank = bank_of()
    turned.train_bank = FeatureBank(
        IDS, {n: model.train_bank.features[n] for n in ALL[::-1]}
    )
    first = model(inputs, samples(), mode='loss')
    parts = inputs.chunk(3, -1)
    second = turned(torch.cat(parts[::-1], -1), samples(), mode='loss')
    assert first.keys() == second.keys()
    for key, value in first.items():
        torch.testing.assert_close(second[key], value, msg=key)


def steps(model, inputs, count=3):
    """Some steps of SGD; the losses on the way."""
    optimizer = torch.optim.SGD(
        model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4
    )
    model.train()
    seen = []
    for _ in range(count):
        losses = model(inputs, samples(), mode='loss')
        optimizer.zero_grad()
        total_of(losses).backward()
        optimizer.step()
        seen.append(losses['loss_joint_self'].detach())
    return torch.stack(seen)


def joint_part(model):
    return {
        key: value
        for key, value in model.state_dict().items()
        if key.startswith(('encoders.joint.', 'heads.joint.self.'))
    }


def test_one_modality_and_the_self_view_is_deeprank_bit_for_bit():
    torch.manual_seed(3)
    inputs = torch.randn(SIZE, 1, 1, 8, 5, 3)
    model = build(['joint'], ['self'])
    model.train_bank = bank_of()
    # DeepRank wired by hand: encoder, mean over joints, frames and persons,
    # head, labels of the bank
    encoder = MODELS.build(toy.ENCODER)
    encoder.load_state_dict(model.encoders['joint'].state_dict())
    head = TripletRankingHead(toy.WIDTH, 6)
    head.load_state_dict(model.heads['joint']['self'].state_dict())
    optimizer = torch.optim.SGD(
        [*encoder.parameters(), *head.parameters()],
        0.1,
        momentum=0.9,
        weight_decay=1e-4,
    )
    labels = pairwise_distance(model.train_bank.features['joint'])
    wanted = []
    for _ in range(3):
        features = encoder(inputs[:, 0]).mean((3, 4)).mean(1)
        loss = head.loss(features, labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        wanted.append(loss.detach())
    assert torch.equal(steps(model, inputs), torch.stack(wanted))
    for module, part in (
        (encoder, model.encoders['joint']),
        (head, model.heads['joint']['self']),
    ):
        for one, two in zip(module.parameters(), part.parameters()):
            assert torch.equal(one, two)


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(modalities=ALL, views=['self']),
        dict(modalities=ALL, views=['self'], train_modalities=['joint']),
        dict(
            modalities=ALL,
            views=VIEWS,
            view_weights={'other': 0.0, 'all': 0.0},
        ),
    ],
    ids=['3s', 'labels only', 'weightless views'],
)
def test_deeprank_inside_a_larger_run_bit_for_bit(kwargs):
    torch.manual_seed(3)
    inputs = torch.randn(SIZE, 1, 1, 8, 5, 9)
    alone = build(['joint'], ['self'])
    alone.train_bank = bank_of()
    together = build(**kwargs)
    together.train_bank = bank_of()
    losses = steps(alone, inputs[..., :3].contiguous())
    assert torch.equal(steps(together, inputs), losses)
    wanted, got = joint_part(alone), joint_part(together)
    assert wanted.keys() == got.keys()
    for key, value in wanted.items():
        assert torch.equal(got[key], value), key


@pytest.mark.parametrize(
    'views',
    [
        ('self',),
        ('other',),
        ('all',),
        ('self', 'other'),
        ('self', 'all'),
        ('self', 'other', 'all'),
    ],
)
def test_the_view_subsets_of_table_iii(views):
    model = build(ALL, views)
    model.train_bank = bank_of()
    inputs = torch.randn(SIZE, 1, 1, 8, 5, 9)
    before = {k: v.clone() for k, v in model.named_parameters()}
    losses = model(inputs, samples(), mode='loss')
    assert {k for k in losses if k.startswith('loss')} == {
        f'loss_{name}_{view}' for name in ALL for view in views
    }
    total_of(losses).backward()
    torch.optim.SGD(model.parameters(), 0.1).step()
    for name in ALL:
        key = f'encoders.{name}.gcn.0.gcn.conv.weight'
        assert not torch.equal(model.state_dict()[key], before[key])
