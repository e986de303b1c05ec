"""Nearest sequences by the cosine of their features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor

from deeprank_mm.ranking import normalize_features
from deeprank_mm.structures import FeatureBank

# Samples at a time against the whole set: bounds the memory, not the result.
_BLOCK = 1024


@dataclass(frozen=True)
class Neighbours:
    """What a query retrieved, most similar first.

    Attributes:
        ids (list[str]): k sample ids.
        similarities (Tensor): ``(k, )`` float32 cosines.
        labels (Tensor, optional): ``(k, )`` int64, where the bank has them.
    """

    ids: List[str]
    similarities: Tensor
    labels: Optional[Tensor] = None


@dataclass(frozen=True)
class Precision:
    """How many of the retrieved sequences are of the query's class.

    Attributes:
        k (int): Neighbours a query.
        mean (float): Mean share over all queries, in [0, 1].
        by_label (dict[int, float]): Mean share over each class's queries.
        chance (float): What random neighbours would give.
    """

    k: int
    mean: float
    by_label: Dict[int, float]
    chance: float


def retrieve(
    bank: FeatureBank,
    query: str,
    k: int = 5,
    modality: Optional[str] = None,
    queries: Optional[FeatureBank] = None,
) -> Neighbours:
    """The sequences of a bank that are most similar to one.

    Args:
        bank (FeatureBank): Where to search.
        query (str): Id of the query. It is never its own neighbour.
        k (int): Neighbours; all there are, where there are fewer. Defaults
            to 5.
        modality (str, optional): Which features; may be left out where the
            bank has one modality.
        queries (FeatureBank, optional): Holds the query, if ``bank`` does
            not.

    Returns:
        Neighbours: The nearest by cosine.

    Raises:
        KeyError: The query is not in the bank it should be in.
        ValueError: The modality is unknown or ambiguous, ``k`` is under 1,
            or the bank holds nothing but the query.
    """
    queries = bank if queries is None else queries
    modality = _modality(modality, bank, queries)
    row = queries.rows([query])
    if k < 1:
        raise ValueError(f'retrieval needs k >= 1, got {k}.')
    own = _own_rows(bank, [query])
    others = len(bank) - int((own >= 0).sum())
    if others < 1:
        raise ValueError(
            f'the bank holds no sample but the query {query!r}: search a '
            'larger set.'
        )
    similarity, index = _nearest(
        bank.features[modality],
        queries.features[modality][row],
        own,
        min(k, others),
    )
    index = index[0]
    return Neighbours(
        [bank.ids[i] for i in index.tolist()],
        similarity[0],
        None if bank.labels is None else bank.labels[index],
    )


def precision_at_k(
    bank: FeatureBank,
    k: int = 5,
    modality: Optional[str] = None,
    queries: Optional[FeatureBank] = None,
) -> Precision:
    """Let every sample be the query once, and average.

    With k = 1 the mean is the leave-one-out accuracy of the nearest
    neighbour.

    Args:
        bank (FeatureBank): Where to search, with labels.
        k (int): Neighbours a query. Defaults to 5.
        modality (str, optional): See :func:`retrieve`.
        queries (FeatureBank, optional): The queries, with labels. Defaults
            to the bank itself. A query is never its own neighbour.

    Returns:
        Precision: Over all queries and by class.

    Raises:
        ValueError: Labels are missing, the modality is unknown or ambiguous,
            or there are fewer than ``k`` neighbours.
    """
    queries = bank if queries is None else queries
    modality = _modality(modality, bank, queries)
    for part, name in ((bank, 'search set'), (queries, 'queries')):
        if part.labels is None:
            raise ValueError(
                f'precision needs labels, but the {name} ({len(part)} '
                'samples) have none for some samples.'
            )
    own = _own_rows(bank, queries.ids)
    others = len(bank) - (own >= 0).long()
    fewest = int(others.min())
    if not 1 <= k <= fewest:
        raise ValueError(
            f'precision@{k} of a search set of {len(bank)} samples: k must '
            f'be in 1..{fewest}.'
        )
    labels = queries.labels
    shares, expected = [], []
    for rows in torch.arange(len(queries)).split(_BLOCK):
        _, index = _nearest(
            bank.features[modality],
            queries.features[modality][rows],
            own[rows],
            k,
        )
        wanted = labels[rows, None]
        shares.append((bank.labels[index] == wanted).double().mean(1))
        same = (bank.labels == wanted).sum(1) - (own[rows] >= 0).long()
        expected.append(same.double() / others[rows])
    share = torch.cat(shares)
    return Precision(
        k,
        float(share.mean()),
        {
            int(label): float(share[labels == label].mean())
            for label in labels.unique()
        },
        float(torch.cat(expected).mean()),
    )


def _modality(
    modality: Optional[str], bank: FeatureBank, queries: FeatureBank
) -> str:
    """The modality to compare, which both banks must have."""
    if modality is None:
        if len(bank.modalities) != 1:
            raise ValueError(
                f'the bank has the modalities {", ".join(bank.modalities)}: '
                'name one.'
            )
        modality = bank.modalities[0]
    for part in (bank, queries):
        if modality not in part.features:
            raise ValueError(
                f'the bank has no modality {modality!r}, only '
                f'{", ".join(part.modalities)}.'
            )
    return modality


def _own_rows(bank: FeatureBank, ids: Sequence[str]) -> Tensor:
    """Each query's own row in the search set, -1 where it has none."""
    row_of = {name: i for i, name in enumerate(bank.ids)}
    return torch.tensor([row_of.get(name, -1) for name in ids])


def _nearest(
    support: Tensor, queries: Tensor, own: Tensor, k: int
) -> Tuple[Tensor, Tensor]:
    """Cosines and rows of the k nearest of each query, without itself."""
    similarity = normalize_features(queries) @ normalize_features(support).T
    similarity.clamp_(-1, 1)
    inside = (own >= 0).nonzero()[:, 0]
    similarity[inside, own[inside]] = -float('inf')
    return similarity.topk(k)
