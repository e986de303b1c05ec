import pytest
import torch
from mmaction.registry import MODELS

from deeprank_mm.evaluation import ClusterMetric
from deeprank_mm.structures import FeatureBank
from tests import toy


def samples(ids, features):
    return [
        dict(sample_id=name, feat_joint=row)
        for name, row in zip(ids, features)
    ]


def test_loss_and_accuracy_of_all_samples_at_once():
    model = MODELS.build(toy.clusterer())
    ids, features = [f's{i}' for i in range(5)], torch.randn(5, toy.WIDTH)
    clusters = torch.tensor([0, 1, 2, 1, 0])
    model.val_bank = FeatureBank(
        ids, dict(joint=torch.randn(5, 4))
    ).with_clusters(dict(joint=clusters))
    metric = ClusterMetric()
    metric.model = model
    order = [3, 1, 4, 0, 2]
    given = samples([ids[i] for i in order], features[order])
    metric.process(None, given[:2])
    metric.process(None, given[2:])
    result = metric.evaluate(5)
    expected = model.heads['joint'].loss(features, clusters)
    assert set(result) == {
        'cluster/loss',
        'cluster/loss_joint',
        'cluster/acc_joint',
    }
    assert result['cluster/loss'] == pytest.approx(float(expected.loss))
    assert result['cluster/acc_joint'] == pytest.approx(
        float(expected.accuracy)
    )


def test_without_a_model_the_hook_is_named():
    metric = ClusterMetric()
    metric.process(None, samples(['a'], torch.ones(1, 4)))
    with pytest.raises(RuntimeError, match='ClusterLabelHook'):
        metric.evaluate(1)


def test_features_that_are_not_finite_are_named():
    metric = ClusterMetric()
    metric.model = MODELS.build(toy.clusterer())
    metric.model.val_bank = FeatureBank(['a'], dict(joint=torch.ones(1, 4)))
    metric.process(None, samples(['a'], torch.full((1, 4), torch.nan)))
    with pytest.raises(ValueError, match='joint features.*a'):
        metric.evaluate(1)
