import warnings

import numpy as np
import pytest
from mmaction.evaluation import (
    mean_class_accuracy as mmaction_mean_class_accuracy,
)
from mmaction.evaluation import top_k_accuracy as mmaction_top_k_accuracy

from deeprank_mm.evaluation.fusion import (
    accuracies,
    align,
    confusion_matrix,
    fuse,
    mean_class_accuracy,
    top_k_accuracy,
)
from deeprank_mm.evaluation.predictions import Predictions, PredictionsError


def stream(seed, count=12, classes=7, labels=True, shuffle=True):
    """Random predictions on the samples s0, s1, ...; each in its order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(count) if shuffle else np.arange(count)
    return Predictions(
        [f's{i}' for i in order],
        rng.dirichlet(np.ones(classes), count),
        order % classes if labels else None,
    )


@pytest.fixture
def three():
    return dict(joint=stream(1), bone=stream(2), motion=stream(3))


def slow_fusion(streams, weights):
    """Sample by sample and class by class, in dicts."""
    out = {}
    for stream, weight in zip(streams.values(), weights):
        for name, row in zip(stream.ids, stream.scores):
            for k, value in enumerate(row):
                share = weight * value / sum(weights)
                out[name, k] = out.get((name, k), 0) + share
    return out


@pytest.mark.parametrize(
    'weights', [None, [1, 1, 1], [0.6, 0.4, 0], [9, 2, 5]]
)
def test_weighted_sum_by_name(three, weights):
    fused = fuse(three, weights)
    expected = slow_fusion(three, weights or [1, 1, 1])
    for name, row, label in zip(fused.ids, fused.scores, fused.labels):
        assert np.allclose(row, [expected[name, k] for k in range(7)])
        assert label == int(name[1:]) % 7
    assert fused.ids == three['joint'].ids
    # still probabilities: nothing would take them for logits
    assert np.allclose(fused.scores.sum(1), 1)


def test_order_of_samples_changes_nothing(three):
    order = np.random.default_rng(5).permutation(12)
    bone = three['bone']
    shuffled = Predictions(
        [bone.ids[i] for i in order], bone.scores[order], bone.labels[order]
    )
    one, two = fuse(three), fuse({**three, 'bone': shuffled})
    assert one.ids == two.ids
    assert np.array_equal(one.scores, two.scores)


def test_inputs_stay_as_they_are(three):
    before = {n: (list(s.ids), s.scores.copy()) for n, s in three.items()}
    fuse(three, [1, 2, 3])
    for name, (ids, scores) in before.items():
        assert three[name].ids == ids
        assert np.array_equal(three[name].scores, scores)


def test_labels_from_the_streams_that_have_them(three):
    three['joint'].labels = None
    aligned = align(three)
    assert aligned['joint'].ids == three['joint'].ids
    for each in aligned.values():
        assert each.labels.tolist() == [int(i[1:]) % 7 for i in each.ids]
    for each in three.values():
        each.labels = None
    assert fuse(three).labels is None


class TestRefusals:
    def check(self, streams, *words, weights=None):
        with pytest.raises(PredictionsError) as error:
            fuse(streams, weights)
        for word in words:
            assert word in str(error.value)

    def test_nothing(self):
        self.check({}, 'no predictions')

    def test_other_samples(self, three):
        three['bone'].ids[4] = 'x'
        lost = ({f's{i}' for i in range(12)} - set(three['bone'].ids)).pop()
        self.check(
            three,
            'the same 13 samples',
            'joint lacks 1 (x)',
            f'bone lacks 1 ({lost})',
            'motion lacks 1 (x)',
        )

    def test_fewer_samples(self, three):
        three['motion'] = stream(3, count=5)
        with pytest.raises(PredictionsError) as error:
            fuse(three)
        assert 'motion lacks 7 (' in str(error.value)
        assert 'joint lacks' not in str(error.value)

    def test_same_sample_twice(self, three):
        ids = three['bone'].ids
        ids[4] = ids[0]
        self.check(three, 'bone', 'more than once', ids[0])

    def test_differing_labels(self, three):
        i = three['motion'].ids.index('s3')
        three['motion'].labels[i] = 6
        self.check(three, '1 sample', 's3 is class 3 in joint and 6 in motion')

    def test_differing_classes(self, three):
        three['bone'] = stream(2, classes=5)
        self.check(three, 'joint has 7, bone has 5')

    @pytest.mark.parametrize(
        'weights, words',
        [
            ([1, 1], ['2 weights for 3 streams', 'joint, bone, motion']),
            ([1, 1, 1, 1], ['4 weights']),
            ([1, -0.5, 1], ['weight of bone is -0.5']),
            ([1, 1, float('nan')], ['weight of motion is nan']),
            ([float('inf'), 1, 1], ['weight of joint is inf']),
            ([0, 0, 0], ['all weights are 0']),
        ],
    )
    def test_weights(self, three, weights, words):
        self.check(three, *words, weights=weights)


class TestAccuracies:
    @pytest.mark.parametrize('seed', range(5))
    def test_agree_with_mmaction2(self, seed):
        rng = np.random.default_rng(seed)
        scores = rng.dirichlet(np.ones(9), 200)
        labels = rng.integers(9, size=200)
        ours = accuracies(Predictions(['x'] * 200, scores, labels))
        top1, top5 = mmaction_top_k_accuracy(scores, labels, (1, 5))
        assert ours == dict(
            top1=pytest.approx(top1),
            top5=pytest.approx(top5),
            mean_class=pytest.approx(
                mmaction_mean_class_accuracy(scores, labels)
            ),
        )

    def test_mean_is_over_the_classes_that_occur(self):
        scores = np.eye(4)[[0, 0, 1, 3]]  # class 3 predicted, never true
        labels = np.array([0, 0, 1, 1])
        assert mean_class_accuracy(scores, labels) == (1 + 0.5) / 2
        assert mmaction_mean_class_accuracy(scores, labels) == (1 + 0.5) / 3

    def test_few_classes(self):
        one = stream(0, classes=3)
        assert accuracies(one)['top5'] == 1.0
        assert top_k_accuracy(one.scores, one.labels, 3) == 1.0

    def test_ties_go_to_the_lower_class(self):
        scores = np.full((4, 4), 0.25)
        labels = np.arange(4)
        for k in range(1, 5):
            assert top_k_accuracy(scores, labels, k) == k / 4

    def test_top1_is_argmax(self):
        rng = np.random.default_rng(0)
        scores = rng.integers(3, size=(99, 5)).astype(float)  # many ties
        labels = rng.integers(5, size=99)
        expected = (scores.argmax(1) == labels).mean()
        assert top_k_accuracy(scores, labels, 1) == expected

    def test_confusion_matrix(self):
        one = stream(4, count=40)
        expected = np.zeros((7, 7), int)
        for row, label in zip(one.scores, one.labels):
            expected[label, row.argmax()] += 1
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            assert np.array_equal(confusion_matrix(one), expected)

    def test_what_is_missing(self):
        one = stream(0, labels=False)
        for function in (accuracies, confusion_matrix):
            with pytest.raises(PredictionsError, match='no labels'):
                function(one)
        with pytest.raises(ValueError, match='k >= 1'):
            top_k_accuracy(one.scores, np.zeros(12, int), 0)
