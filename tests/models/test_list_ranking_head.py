import pytest
import torch
from mmaction.registry import MODELS

from deeprank_mm.models import ListRankingHead


def head(**kwargs):
    cfg = dict(type='ListRankingHead', in_channels=4, num_samples=6)
    return MODELS.build(dict(cfg, **kwargs))


def near_of(*rows):
    out = torch.zeros(len(rows), 5, dtype=torch.bool)
    for anchor, columns in enumerate(rows):
        out[anchor, list(columns)] = True
    return out


def literal_loss(features, vectors, near, temperature):
    """Of each anchor by itself: sum of q log(q / p) over the samples."""
    total, hits = 0.0, 0
    for feature, neighbours in zip(features, near):
        cosines = torch.stack(
            [
                feature @ w / (feature.norm() * w.norm()) / temperature
                for w in vectors
            ]
        )
        p = cosines.exp() / cosines.exp().sum()
        q = 1 / int(neighbours.sum())
        total = total + sum(
            q * torch.log(q / p[j]) for j in range(len(p)) if neighbours[j]
        )
        hits += bool(neighbours[p.argmax()])
    return total / len(features), hits / len(features)


def test_divergence_from_neighbours_first():
    torch.manual_seed(0)
    model = head(temperature=0.5).double()
    features = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    near = near_of([0, 3], [1], [0, 1, 2, 4])
    result = model.bank_loss(features, near)
    wanted, accuracy = literal_loss(features, model.weight[:5], near, 0.5)
    assert result.loss.item() == pytest.approx(wanted.item(), rel=1e-10)
    assert result.accuracy.item() == pytest.approx(accuracy)
    assert (result.triplets, result.ties) == (3, 0)
    inputs = (features, model.weight)
    for one, two in zip(
        torch.autograd.grad(result.loss, inputs),
        torch.autograd.grad(wanted, inputs),
    ):
        torch.testing.assert_close(one, two)


def test_neighbours_that_share_the_first_place_are_no_loss():
    model = head(temperature=0.01)
    with torch.no_grad():
        model.weight[:5] = torch.eye(4)[[0, 1, 0, 2, 3]]
    result = model.bank_loss(torch.eye(4)[:2], near_of([0, 2], [1]))
    assert result.loss.item() == pytest.approx(0, abs=1e-6)
    assert result.accuracy == 1
    worse = model.bank_loss(torch.eye(4)[:2], near_of([0, 3], [1]))
    assert worse.loss > 1


def test_samples_that_are_not_there_neither_count_nor_learn():
    model = head()
    features, near = torch.randn(3, 4), near_of([0], [1], [2])
    loss = model.bank_loss(features, near).loss
    loss.backward()
    assert model.weight.grad[:5].any(1).all()
    assert not model.weight.grad[5].any()
    with torch.no_grad():
        model.weight[5] = 7.0
    assert model.bank_loss(features, near).loss == loss


def test_under_autocast_it_is_computed_in_float32():
    model = head()
    features, near = torch.randn(3, 4), near_of([0], [1], [2])
    with torch.autocast('cpu', torch.bfloat16):
        result = model.bank_loss(features.bfloat16(), near)
    assert result.loss.dtype == torch.float32
    expected = model.bank_loss(features.bfloat16().float(), near)
    assert result.loss == expected.loss


def test_vectors_are_drawn_anew_and_short():
    model = head(in_channels=64, num_samples=100)
    before = model.weight.clone()
    model.reset_parameters()
    assert not torch.equal(model.weight, before)
    lengths = model.weight.norm(dim=1)
    assert lengths.mean().item() == pytest.approx(0.3, rel=0.1)


def test_short_vectors_are_turned_further_by_a_step():
    """By 1 / length²: their length is a learning rate of their own."""
    short, long = head(in_channels=8), head(in_channels=8)
    with torch.no_grad():
        long.weight.copy_(10 * short.weight)
    features, near = torch.randn(3, 8), near_of([0], [1], [2])
    steps = []
    for model in (short, long):
        model.bank_loss(features, near).loss.backward()
        step = 1e-5 * model.weight.grad / model.weight.norm(dim=1)[:, None]
        steps.append(step)
    torch.testing.assert_close(steps[0], 100 * steps[1], rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(in_channels=0), 'a positive width'),
        (dict(temperature=0.0), 'positive temperature'),
        (dict(num_samples=1), '`num_samples`.*2 at least, got 1'),
        (dict(neighbourhood=0.0), 'above 0 and at most a half, got 0.0'),
        (dict(neighbourhood=4.0), 'above 0 and at most a half, got 4.0'),
    ],
)
def test_meaningless_arguments_are_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        head(**kwargs)


def test_features_of_another_width_are_an_error():
    with pytest.raises(ValueError, match=r'ListRankingHead.*\(B, 4\).*7'):
        ListRankingHead(4).bank_loss(torch.randn(2, 7), near_of([0], [1]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_on_a_gpu():
    model = head().cuda()
    result = model.bank_loss(torch.randn(2, 4).cuda(), near_of([0], [1]))
    result.loss.backward()
    assert all(value.is_cuda for value in result)
