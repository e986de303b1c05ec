"""A linear classifier on frozen features."""

from __future__ import annotations

from typing import Dict, Sequence

import numpy as np
import torch
from mmaction.registry import METRICS
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from deeprank_mm.arguments import check_arguments
from deeprank_mm.datasets import labelled_subset
from deeprank_mm.structures import FeatureBank

from .support_metric import SupportMetric


def linear_probe(
    support: Tensor,
    support_labels: Tensor,
    queries: Tensor,
    regularization: float = 1.0,
) -> Tensor:
    """Fit a multinomial logistic regression and predict.

    It is convex and solved to its optimum by L-BFGS: no schedule to tune,
    no seed. Features are standardised by the support's statistics.

    Args:
        support (Tensor): ``(N, D)`` labelled features.
        support_labels (Tensor): ``(N, )``.
        queries (Tensor): ``(Q, D)``.
        regularization (float): Inverse strength C of the L2 penalty.
            Defaults to 1.

    Returns:
        Tensor: ``(Q, classes)`` float64 probabilities; zero for a class
        below the highest that the support does not hold.

    Raises:
        ValueError: If the support holds a single class.
    """
    if len(support_labels.unique()) < 2:
        raise ValueError(
            'A linear probe needs at least two classes in its '
            f'{len(support_labels)} labelled samples.'
        )
    probe = make_pipeline(
        StandardScaler(), LogisticRegression(C=regularization, max_iter=2000)
    )
    probe.fit(support.double().numpy(), support_labels.numpy())
    known = torch.from_numpy(probe.predict_proba(queries.double().numpy()))
    classes = torch.from_numpy(probe.classes_)
    result = known.new_zeros(len(queries), int(classes.max()) + 1)
    result[:, classes] = known
    return result


@METRICS.register_module()
class LinearProbeMetric(SupportMetric):
    """Accuracy of a linear classifier on frozen features.

    Args:
        fractions (Sequence[float]): Shares of labels to learn from; below 1
            they are class-stratified subsets
            (:func:`~deeprank_mm.datasets.labelled_subset`). Defaults to
            (1.0, 0.1).
        subsets (int): Subsets (seeds 0, 1, ...) to average over where the
            share is below 1. Defaults to 5.
        regularization (float): See :func:`linear_probe`.
        **kwargs: See :class:`SupportMetric`.

    Raises:
        ValueError: If a share is outside (0, 1], or a number not positive.
    """

    @check_arguments
    def __init__(
        self,
        fractions: Sequence[float] = (1.0, 0.1),
        subsets: int = 5,
        regularization: float = 1.0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        for fraction in fractions:
            if not 0 < fraction <= 1:
                raise ValueError(
                    f'`fractions` are shares in (0, 1], got {fraction}.'
                )
        if subsets < 1:
            raise ValueError(f'`subsets` must be 1 or more, got {subsets}.')
        if regularization <= 0:
            raise ValueError(
                '`regularization` must be positive, the smaller the '
                f'stronger, got {regularization}.'
            )
        self.fractions = tuple(fractions)
        self.subsets = subsets
        self.regularization = regularization

    def compare_modality(
        self, support: FeatureBank, queries: FeatureBank, modality: str
    ) -> Dict[str, float]:
        """Accuracy ``linear``, mean and spread over subsets below 1.

        See :class:`SupportMetric`; a share below 1 gives
        ``linear@{fraction}`` and ``linear@{fraction}_std``.
        """
        result = {}
        for fraction in self.fractions:
            seeds = range(1 if fraction == 1 else self.subsets)
            scores = []
            for seed in seeds:
                rows = labelled_subset(
                    support.ids, support.labels.tolist(), fraction, seed
                )
                probabilities = linear_probe(
                    support.features[modality][rows].float(),
                    support.labels[rows],
                    queries.features[modality].float(),
                    self.regularization,
                )
                hits = probabilities.argmax(1) == queries.labels
                scores.append(float(hits.double().mean()))
            name = 'linear' if fraction == 1 else f'linear@{fraction:g}'
            result[name] = float(np.mean(scores))
            if len(scores) > 1:
                result[f'{name}_std'] = float(np.std(scores, ddof=1))
        return result
