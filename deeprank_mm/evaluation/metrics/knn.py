"""Nearest neighbours on frozen features."""

from __future__ import annotations

from typing import Dict, Sequence

import torch
from mmaction.registry import METRICS
from torch import Tensor

from deeprank_mm.arguments import check_arguments
from deeprank_mm.ranking import normalize_features
from deeprank_mm.structures import FeatureBank

from .support_metric import SupportMetric


def knn_votes(
    support: Tensor,
    support_labels: Tensor,
    queries: Tensor,
    k: int,
    temperature: float = 0.07,
    block: int = 1024,
) -> Tensor:
    """Votes of the most similar labelled samples.

    Similarity is the cosine; a neighbour votes with ``exp(cos / T)``.

    Args:
        support (Tensor): ``(N, D)`` labelled features.
        support_labels (Tensor): ``(N, )`` int64.
        queries (Tensor): ``(Q, D)``.
        k (int): Neighbours; all of them where there are fewer.
        temperature (float): T, positive. Defaults to 0.07.
        block (int): Queries at a time. Defaults to 1024.

    Returns:
        Tensor: ``(Q, classes)`` shares of the votes, float32; rows sum to 1.

    Raises:
        ValueError: If ``k`` is under 1, or the temperature not positive.
    """
    _check(k, temperature)
    support = normalize_features(support.float())
    classes = int(support_labels.max()) + 1
    shares = []
    for part in normalize_features(queries.float()).split(block):
        similarity, index = (part @ support.T).topk(min(k, len(support)))
        # the best neighbour's weight is 1: exp cannot overflow
        weight = ((similarity - similarity[:, :1]) / temperature).exp()
        votes = part.new_zeros(len(part), classes)
        votes.scatter_add_(1, support_labels[index], weight)
        shares.append(votes / votes.sum(1, keepdim=True))
    return torch.cat(shares)


def _check(k: int, temperature: float) -> None:
    if k < 1:
        raise ValueError(f'kNN needs k >= 1 neighbours, got {k}.')
    # in the votes' own precision, which knows no 1e-300
    if not torch.tensor(temperature, dtype=torch.float32) > 0:
        raise ValueError(
            'The temperature of kNN divides similarities: it must be '
            f'positive, got {temperature}.'
        )


@METRICS.register_module()
class KNNMetric(SupportMetric):
    """k-nearest-neighbour accuracy on frozen features.

    Args:
        k (Sequence[int]): Numbers of neighbours. Defaults to (1, 20).
        temperature (float): Of the votes. Defaults to 0.07.
        **kwargs: See :class:`SupportMetric`.

    Raises:
        ValueError: See :func:`knn_votes`.
    """

    @check_arguments
    def __init__(
        self, k: Sequence[int] = (1, 20), temperature: float = 0.07, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        for neighbours in k:
            _check(neighbours, temperature)
        self.k = tuple(k)
        self.temperature = temperature

    def compare_modality(
        self, support: FeatureBank, queries: FeatureBank, modality: str
    ) -> Dict[str, float]:
        """Accuracy ``knn{k}`` for each k; see :class:`SupportMetric`."""
        result = {}
        for k in self.k:
            votes = knn_votes(
                support.features[modality].float(),
                support.labels,
                queries.features[modality].float(),
                k,
                self.temperature,
            )
            hits = (votes.argmax(1) == queries.labels).double()
            result[f'knn{k}'] = float(hits.mean())
        return result
