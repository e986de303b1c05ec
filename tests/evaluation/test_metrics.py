import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from deeprank_mm.evaluation import (
    KNNMetric,
    LinearProbeMetric,
    RankingMetric,
    knn_votes,
    linear_probe,
)
from deeprank_mm.ranking import pairwise_distance, triplet_ranking_loss
from deeprank_mm.structures import FeatureBank


def clusters(count, spread, seed, width=5, classes=3):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, width))
    labels = rng.integers(classes, size=count)
    points = centres[labels] + spread * rng.normal(size=(count, width))
    return torch.tensor(points).float(), torch.tensor(labels)


@pytest.mark.parametrize('k', [1, 5, 20])
def test_knn_agrees_with_scikit_learn(k):
    support, labels = clusters(60, 1.0, 0)
    queries, _ = clusters(40, 1.0, 1)

    def weights(distances):  # cosine distance to the votes' weights
        return np.exp((1 - distances) / 0.07)

    reference = KNeighborsClassifier(k, metric='cosine', weights=weights)
    reference.fit(support.numpy(), labels.numpy())
    expected = reference.predict_proba(queries.numpy())
    actual = knn_votes(support, labels, queries, k, block=7)
    np.testing.assert_allclose(actual.numpy(), expected, atol=1e-4)


def test_knn_with_more_neighbours_than_samples():
    support, labels = clusters(4, 0.1, 0)
    assert len(knn_votes(support, labels, support, 20)) == 4
    with pytest.raises(ValueError, match='k >= 1'):
        knn_votes(support, labels, support, 0)
    with pytest.raises(ValueError, match='k >= 1'):
        KNNMetric(k=[5, 0])


@pytest.mark.parametrize('temperature', [0, -0.07, 1e-300, float('nan')])
def test_knn_with_a_temperature_that_gives_no_votes(temperature):
    support, labels = clusters(4, 0.1, 0)
    with pytest.raises(ValueError, match='temperature of kNN'):
        knn_votes(support, labels, support, 2, temperature)


def test_linear_probe_separates_what_is_separable():
    support, labels = clusters(90, 0.05, 0)
    queries, wanted = clusters(60, 0.05, 1)
    probabilities = linear_probe(support, labels, queries)
    torch.testing.assert_close(
        probabilities.sum(1), torch.ones(60, dtype=torch.float64)
    )
    assert probabilities.argmax(1).equal(wanted)
    shuffled = labels[torch.randperm(len(labels))]
    predicted = linear_probe(support, shuffled, queries).argmax(1)
    assert (predicted == wanted).double().mean() < 0.8
    with pytest.raises(ValueError, match='two classes'):
        linear_probe(support, labels * 0, queries)


def test_linear_probe_gives_no_probability_to_classes_it_has_not_seen():
    support, labels = clusters(90, 0.05, 0)
    probabilities = linear_probe(support, 2 * labels, support)
    assert probabilities.shape == (90, 5)
    assert not probabilities[:, [1, 3]].any()
    assert probabilities.argmax(1).equal(2 * labels)


def banks(spread=0.3):
    out = []
    for seed, name in ((0, 's'), (1, 'q')):
        features, labels = clusters(50, spread, seed)
        out.append(
            FeatureBank(
                [f'{name}{i}' for i in range(50)],
                dict(joint=features, bone=-features),
                labels.tolist(),
            )
        )
    return out


def through_the_evaluator(metric, support, queries):
    """As mmengine calls it: dicts of data samples, batch by batch."""
    metric.support = support
    samples = [
        dict(
            sample_id=name,
            gt_label=queries.labels[i : i + 1],
            **{f'feat_{k}': v[i] for k, v in queries.features.items()},
        )
        for i, name in enumerate(queries.ids)
    ]
    for start in range(0, len(samples), 16):
        metric.process(None, samples[start : start + 16])
    return metric.evaluate(len(samples))


def test_knn_metric_reports_each_k_and_modality():
    support, queries = banks()
    result = through_the_evaluator(KNNMetric(), support, queries)
    assert set(result) == {
        'knn1_joint',
        'knn20_joint',
        'knn1_bone',
        'knn20_bone',
    }
    votes = knn_votes(
        support.features['joint'],
        support.labels,
        queries.features['joint'],
        20,
    )
    hits = votes.argmax(1) == queries.labels
    accuracy = hits.double().mean()
    assert result['knn20_joint'] == pytest.approx(float(accuracy))


def test_linear_metric_reports_all_labels_and_subsets():
    support, queries = banks()
    result = through_the_evaluator(LinearProbeMetric(), support, queries)
    assert {'linear_joint', 'linear@0.1_joint', 'linear@0.1_std_joint'} < set(
        result
    )
    assert result['linear@0.1_joint'] <= result['linear_joint']


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(regularization=0), '`regularization` must be positive'),
        (dict(subsets=0), '`subsets` must be 1 or more'),
        (dict(fractions=[1.0, 1.5]), r'`fractions` .* \(0, 1\], got 1.5'),
    ],
)
def test_linear_probe_refuses_what_it_cannot_use(options, message):
    with pytest.raises(ValueError, match=message):
        LinearProbeMetric(**options)


def test_queries_that_are_in_the_support_are_refused():
    support, queries = banks()
    both = FeatureBank(
        [*support.ids, *queries.ids[:2]],
        {
            name: torch.cat([value, queries.features[name][:2]])
            for name, value in support.features.items()
        },
        [*support.labels.tolist(), *queries.labels[:2].tolist()],
    )
    with pytest.raises(ValueError, match='2 of 50 queries.* no sample in'):
        through_the_evaluator(KNNMetric(), both, queries)


def test_frozen_metrics_say_what_is_missing():
    support, queries = banks()
    metric = KNNMetric()
    with pytest.raises(RuntimeError, match='FeatureTestLoop'):
        through_the_evaluator(metric, None, queries)
    with pytest.raises(ValueError, match='predicted none'):
        metric.process(None, [dict(sample_id='x')])
    support.labels = None
    with pytest.raises(ValueError, match='the support.*have none'):
        metric.compare(support, queries)


class Ranker:
    """Scores by the negative feature distance: a perfect head."""

    train_modalities = ('joint',)
    view_weights = {'self': 2.0}

    def __init__(self, bank):
        self.val_bank = bank

    def parameters(self):
        yield torch.zeros(1)

    def rank(self, features, ids, bank):
        rows = bank.rows(ids)
        table = pairwise_distance(bank.features['joint'][rows])
        scores = -pairwise_distance(features['joint'])
        return {('joint', 'self'): triplet_ranking_loss(scores, table)}


def rank_all(order, block_size=16, count=50):
    support, queries = banks()
    metric = RankingMetric(block_size=block_size)
    metric.model = Ranker(queries)
    metric.process(
        None,
        [
            dict(
                sample_id=queries.ids[i],
                feat_joint=queries.features['joint'][i],
            )
            for i in order[:count]
        ],
    )
    return metric.evaluate(min(count, len(order)))


def test_ranking_does_not_depend_on_the_order_of_arrival():
    one = rank_all(list(range(50)))
    two = rank_all(list(reversed(range(50))))
    assert one == two
    assert one['ranking/acc_joint_self'] == 1.0
    assert one['ranking/loss'] == pytest.approx(
        2 * one['ranking/loss_joint_self']
    )


def test_ranking_leaves_out_a_remainder_without_triplets():
    assert rank_all(list(range(18)), block_size=16)['ranking/loss'] > 0
    with pytest.raises(RuntimeError, match='2 validation samples'):
        rank_all([0, 1])


def test_ranking_needs_the_hook_and_a_sensible_block():
    metric = RankingMetric()
    with pytest.raises(RuntimeError, match='RankLabelHook'):
        metric.compute_metrics([])
    with pytest.raises(ValueError, match='block_size=2'):
        RankingMetric(block_size=2)
