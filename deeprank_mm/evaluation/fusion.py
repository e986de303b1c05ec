"""The ensemble of streams: a weighted sum of their probabilities."""

from __future__ import annotations

import math
from typing import Dict, List, Mapping, Optional, Sequence

import numpy as np
from sklearn import metrics

from .predictions import Predictions, PredictionsError

__all__ = [
    'accuracies',
    'align',
    'confusion_matrix',
    'fuse',
    'mean_class_accuracy',
    'top_k_accuracy',
]

# How many names a message lists.
_SOME = 3


def align(streams: Mapping[str, Predictions]) -> Dict[str, Predictions]:
    """Bring several streams into one order of samples, matched by name.

    Args:
        streams (Mapping[str, Predictions]): Each stream under the name by
            which messages speak of it.

    Returns:
        dict[str, Predictions]: The streams in the first one's order. Where
        some have labels, all have.

    Raises:
        PredictionsError: If there is no stream, a stream has a sample twice,
            or the streams differ in their samples, classes or labels.
    """
    if not streams:
        raise PredictionsError('there are no predictions to fuse')
    for name, stream in streams.items():
        _check_distinct(name, stream.ids)
    _check_same_samples(streams)
    counts = {name: s.num_classes for name, s in streams.items()}
    if len(set(counts.values())) > 1:
        said = ', '.join(f'{name} has {c}' for name, c in counts.items())
        raise PredictionsError(
            f'the streams have differing numbers of classes: {said}; fuse '
            'models of one data set'
        )
    ids = next(iter(streams.values())).ids
    ordered = {}
    for name, stream in streams.items():
        row = {sample: i for i, sample in enumerate(stream.ids)}
        order = [row[sample] for sample in ids]
        ordered[name] = Predictions(
            ids,
            stream.scores[order],
            None if stream.labels is None else stream.labels[order],
        )
    labels = _common_labels(ordered)
    return {
        name: Predictions(ids, stream.scores, labels)
        for name, stream in ordered.items()
    }


def fuse(
    streams: Mapping[str, Predictions],
    weights: Optional[Sequence[float]] = None,
) -> Predictions:
    """Sum the probabilities of several streams, sample by sample.

    The sum is divided by the sum of the weights, which changes no ranking of
    classes: the result is made of probabilities again.

    Args:
        streams (Mapping[str, Predictions]): The streams by name, in any
            order of samples.
        weights (Sequence[float], optional): One for each stream, in their
            order. Defaults to None: equal weights, as in the paper. To
            choose others, use data that is not the test data.

    Returns:
        Predictions: The ensemble, in the first stream's order of samples.

    Raises:
        PredictionsError: If the streams do not fit together (see
            :func:`align`), or the weights are not one finite number >= 0 a
            stream, some of them above 0.
    """
    aligned = align(streams)
    if weights is None:
        weights = [1.0] * len(aligned)
    _check_weights(weights, list(aligned))
    first = next(iter(aligned.values()))
    scores = np.zeros_like(first.scores, dtype=np.float64)
    for weight, stream in zip(weights, aligned.values()):
        scores += weight * stream.scores
    return Predictions(first.ids, scores / sum(weights), first.labels)


def top_k_accuracy(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of samples whose true class is among the ``k`` best.

    Of classes with equal scores the one with the lower number comes first,
    so that top-1 agrees with ``argmax``.

    Args:
        scores (np.ndarray): ``(N, C)`` float.
        labels (np.ndarray): ``(N, )`` int64.
        k (int): At least 1; more than ``C`` counts as ``C``.

    Returns:
        float: Between 0 and 1.

    Raises:
        ValueError: If ``k`` is less than 1.
    """
    if k < 1:
        raise ValueError(f'top-k accuracy needs k >= 1, not {k}.')
    labels = labels[:, None]
    own = np.take_along_axis(scores, labels, 1)
    earlier = np.arange(scores.shape[1]) < labels
    ahead = (scores > own) | ((scores == own) & earlier)
    return float((ahead.sum(1) < k).mean())


def mean_class_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean of the classes' own top-1 accuracies.

    It is taken over the classes that have samples. MMAction2's function of
    this name also counts, with accuracy 0, those that are only predicted.

    Args:
        scores (np.ndarray): ``(N, C)`` float.
        labels (np.ndarray): ``(N, )`` int64.

    Returns:
        float: Between 0 and 1.
    """
    counts = np.bincount(labels)
    hits = np.bincount(labels, weights=scores.argmax(1) == labels)
    return float((hits[counts > 0] / counts[counts > 0]).mean())


def accuracies(predictions: Predictions) -> Dict[str, float]:
    """The three figures of an evaluation.

    Args:
        predictions (Predictions): With labels.

    Returns:
        dict[str, float]: ``top1``, ``top5`` (always 1 where there are no
        more than five classes) and ``mean_class``, between 0 and 1.

    Raises:
        PredictionsError: If there are no labels.
    """
    labels = _labels(predictions)
    return dict(
        top1=top_k_accuracy(predictions.scores, labels, 1),
        top5=top_k_accuracy(predictions.scores, labels, 5),
        mean_class=mean_class_accuracy(predictions.scores, labels),
    )


def confusion_matrix(predictions: Predictions) -> np.ndarray:
    """How often each class is taken for each.

    Args:
        predictions (Predictions): With labels.

    Returns:
        np.ndarray: ``(C, C)`` int64, counts; rows are true classes.

    Raises:
        PredictionsError: If there are no labels.
    """
    return metrics.confusion_matrix(
        _labels(predictions),
        predictions.scores.argmax(1),
        labels=np.arange(predictions.num_classes),
    )


def _labels(predictions: Predictions) -> np.ndarray:
    if predictions.labels is None:
        raise PredictionsError(
            'the predictions have no labels, so accuracy cannot be computed: '
            'test on a data set with labels'
        )
    return predictions.labels


def _check_distinct(name: str, ids: Sequence[str]) -> None:
    seen = set()
    twice = [i for i in ids if i in seen or seen.add(i)]
    if twice:
        raise PredictionsError(
            f'{name} has {len(twice)} sample(s) more than once: '
            f'{_listed(twice)}; names must be unique, and test with each '
            'sample once (no RepeatDataset)'
        )


def _check_same_samples(streams: Mapping[str, Predictions]) -> None:
    everything = dict.fromkeys(i for s in streams.values() for i in s.ids)
    lacking = []
    for name, stream in streams.items():
        present = set(stream.ids)
        absent = [i for i in everything if i not in present]
        if absent:
            lacking.append(f'{name} lacks {len(absent)} ({_listed(absent)})')
    if lacking:
        raise PredictionsError(
            f'the streams do not have the same {len(everything)} samples: '
            f'{"; ".join(lacking)}. Test all of them on the same split'
        )


def _common_labels(
    aligned: Mapping[str, Predictions],
) -> Optional[np.ndarray]:
    known = {n: s for n, s in aligned.items() if s.labels is not None}
    if not known:
        return None
    (first, reference), *others = known.items()
    for name, stream in others:
        differ = np.flatnonzero(stream.labels != reference.labels)
        if len(differ):
            i = differ[0]
            raise PredictionsError(
                f'{len(differ)} sample(s) have differing labels: '
                f'{stream.ids[i]} is class {reference.labels[i]} in {first} '
                f'and {stream.labels[i]} in {name}; the streams come from '
                'different annotations'
            )
    return reference.labels


def _check_weights(weights: Sequence[float], names: List[str]) -> None:
    if len(weights) != len(names):
        raise PredictionsError(
            f'there are {len(weights)} weights for {len(names)} streams '
            f'({", ".join(names)}): give one each'
        )
    for weight, name in zip(weights, names):
        if not math.isfinite(weight) or weight < 0:
            raise PredictionsError(
                f'the weight of {name} is {weight}: it must be a finite '
                'number, 0 or more'
            )
    if not any(weights):
        raise PredictionsError('all weights are 0: one must be more')


def _listed(names: Sequence[str]) -> str:
    rest = ', ...' if len(names) > _SOME else ''
    return ', '.join(names[:_SOME]) + rest
