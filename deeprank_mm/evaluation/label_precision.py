"""How often labels made without classes agree with the classes (Fig. 8)."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional

import torch
from torch import Tensor

from deeprank_mm.ranking import normalize_features, view_distance


class RankingPrecision(NamedTuple):
    """Whether the closer candidate is of the anchor's class.

    Attributes:
        raw (float): Share of all triplets in which it is.
        raw_chance (float): The same for a closer candidate drawn blindly.
        informative (float): The share among the triplets of which exactly
            one candidate is of the anchor's class: chance is 0.5.
        triplets (int): How many triplets, counterparts not counted twice.
        informative_triplets (int): How many with exactly one.
    """

    raw: float
    raw_chance: float
    informative: float
    triplets: int
    informative_triplets: int


@torch.no_grad()
def ranking_precision(
    features: Mapping[str, Tensor],
    labels: Tensor,
    modality: str = 'joint',
    view: str = 'self',
    normalization: str = 'l2',
    max_anchors: Optional[int] = None,
) -> RankingPrecision:
    """Precision of ranking labels, over all triplets of the anchors.

    Exact: sorting an anchor's candidates counts its triplets without a walk
    over them. In a tie both candidates are the closer one half of the time,
    as in a triplet and its counterpart.

    Args:
        features (Mapping[str, Tensor]): For each modality ``(N, D)``.
        labels (Tensor): ``(N, )`` int64 classes.
        modality (str): Whose labels. Defaults to ``'joint'``.
        view (str): In which view. Defaults to ``'self'``.
        normalization (str): Of features before distances. Defaults to
            ``'l2'``.
        max_anchors (int, optional): Take so many evenly spaced samples as
            anchors at most. Defaults to None: all.

    Returns:
        RankingPrecision: Shares are nan where there is no such triplet.

    Raises:
        ValueError: If there are fewer than three samples, or the view makes
            no sense.
    """
    size = len(labels)
    if size < 3:
        raise ValueError(f'A triplet needs 3 samples, got {size}.')
    if view == 'self':
        features = {modality: features[modality]}
    units = {
        name: normalize_features(value.float(), normalization)
        for name, value in features.items()
    }
    count = size if max_anchors is None else min(size, max_anchors)
    anchors = torch.linspace(0, size - 1, count).round().long().unique()
    others = torch.arange(size)
    hits = informative = wins = chance = 0.0
    for anchor in anchors.tolist():
        table = {
            name: torch.cdist(
                value[anchor : anchor + 1],
                value,
                compute_mode='donot_use_mm_for_euclid_dist',
            )
            for name, value in units.items()
        }
        distance = view_distance(table, modality, view)[0]
        keep = others != anchor
        distance = distance[keep]
        same = labels[keep] == labels[anchor]
        mine = distance[same]
        # other positives are as often the closer one as not: no matter
        lost = _closer(distance[~same], mine)
        positives, negatives = len(mine), size - 1 - len(mine)
        wins += positives * negatives - lost
        informative += positives * negatives
        hits += positives * negatives - lost + positives * (positives - 1) / 2
        chance += positives / (size - 1)
    total = len(anchors) * (size - 1) * (size - 2) // 2
    return RankingPrecision(
        hits / total,
        chance / len(anchors),
        wins / informative if informative else float('nan'),
        total,
        int(informative),
    )


def _closer(one: Tensor, two: Tensor) -> float:
    """How many pairs have the first closer, ties for a half."""
    if not len(one) or not len(two):
        return 0.0
    ordered = one.sort().values
    before = torch.searchsorted(ordered, two, right=False)
    up_to = torch.searchsorted(ordered, two, right=True)
    return float((before + up_to).sum()) / 2


def majority_precision(clusters: Tensor, labels: Tensor) -> float:
    """Share of samples whose class is the most frequent of their cluster.

    It rises with the number of clusters, whatever they are: a cluster of one
    sample is pure.

    Args:
        clusters (Tensor): ``(N, )`` int64.
        labels (Tensor): ``(N, )`` int64 classes.

    Returns:
        float: In (0, 1].
    """
    _, cluster = clusters.unique(return_inverse=True)
    _, label = labels.unique(return_inverse=True)
    table = torch.zeros(int(cluster.max()) + 1, int(label.max()) + 1)
    table.index_put_(
        (cluster, label), torch.ones(len(labels)), accumulate=True
    )
    return float(table.max(1).values.sum() / len(labels))
