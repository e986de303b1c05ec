import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from torch.nn.functional import cross_entropy

from deeprank_mm.structures import FeatureBank
from tests import toy

IDS = [f's{i}' for i in range(6)]
CLUSTERS = dict(
    joint=torch.tensor([0, 1, 2, 0, 1, 2]),
    bone=torch.tensor([2, 2, 1, 1, 0, 0]),
)


def classifier(modalities=('joint', 'bone'), labelled=True):
    model = MODELS.build(toy.clusterer(modalities)).eval()
    bank = FeatureBank(IDS, {m: torch.randn(6, 4) for m in modalities})
    if labelled:
        bank = bank.with_clusters({m: CLUSTERS[m] for m in modalities})
    model.train_bank = bank
    return model


def batch(numbers, modalities=2):
    inputs = torch.randn(len(numbers), 1, 1, 8, 5, 3 * modalities)
    samples = [
        ActionDataSample(metainfo=dict(sample_id=IDS[i])) for i in numbers
    ]
    return inputs, samples


def test_samples_learn_their_own_clusters():
    model = classifier()
    order = [4, 0, 5, 3]
    inputs, samples = batch(order)
    losses = model(inputs, samples, mode='loss')
    assert set(losses) == {'loss_joint', 'acc_joint', 'loss_bone', 'acc_bone'}
    features = model(inputs, samples, mode='tensor')
    for name in ('joint', 'bone'):
        head = model.heads[name].fc
        logits = features[name] @ head.weight.T + head.bias
        targets = CLUSTERS[name][order]
        expected = cross_entropy(logits, targets)
        torch.testing.assert_close(losses[f'loss_{name}'], expected)
        hits = (logits.argmax(1) == targets).float().mean()
        assert losses[f'acc_{name}'] == hits


def test_modalities_are_independent():
    both, alone = classifier(), classifier(['bone'])
    state = {k: v for k, v in both.state_dict().items() if 'joint' not in k}
    alone.load_state_dict(state)
    inputs, samples = batch([0, 1, 2])
    one = both.loss(inputs, samples)
    two = alone.loss(inputs[..., 3:], samples)
    assert torch.equal(one['loss_bone'], two['loss_bone'])


def test_it_predicts_features_as_every_pretraining_model():
    model = classifier()
    inputs, samples = batch([0, 1])
    features = model.extract_feat(inputs)
    for row, sample in enumerate(model(inputs, samples, mode='predict')):
        assert torch.equal(sample.feat_joint, features['joint'][row])
        assert torch.equal(sample.feat_bone, features['bone'][row])


def test_without_clusters_the_hook_is_named():
    with pytest.raises(RuntimeError, match='ClusterLabelHook'):
        classifier(labelled=False).loss(*batch([0, 1]))


def test_a_sample_without_cluster_is_named():
    model = classifier()
    inputs, samples = batch([0, 1])
    samples[1] = ActionDataSample(metainfo=dict(sample_id='stranger'))
    with pytest.raises(KeyError, match="'stranger' has no row"):
        model.loss(inputs, samples)


def test_a_loss_that_is_not_finite_names_its_samples():
    model = classifier()
    inputs, samples = batch([0, 1, 2])
    inputs[1] = float('nan')
    with pytest.raises(ValueError, match="of 1 of 3 samples.*'s1'"):
        model.loss(inputs, samples)
