"""Numbers that say how the labels of a cycle are doing."""

from __future__ import annotations

from itertools import product
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import torch
from torch import Tensor

from deeprank_mm.models import MultiViewRanker
from deeprank_mm.ranking import (
    Disagreement,
    compare_labels,
    normalize_features,
    pairwise_distance,
    sampled_disagreement,
    view_distance,
)
from deeprank_mm.structures import FeatureBank

# Numbers whose spread is computed in one piece, and of the pieces else: few,
# as each piece has half a dozen copies in float64 while it is worked on.
_WHOLE, _PIECE = 1 << 24, 1 << 17
# Of wider features the rank is that of so many rows, evenly spaced: the
# covariance would take hours.
_WIDEST = 1024
# What is learnt: a modality and a view.
Head = Tuple[str, str]


def fixed_blocks(
    size: int, block_size: int = 64, blocks: int = 16
) -> Iterator[Tensor]:
    """Random but always equal groups of rows to estimate label shares on.

    Args:
        size (int): Rows to draw from.
        block_size (int): Rows a block. Defaults to 64.
        blocks (int): Blocks at most. Defaults to 16: four million triplets.

    Yields:
        Tensor: Row numbers, ``(block_size, )``; all rows where there are
        fewer.
    """
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(size, generator=generator)
    if size <= block_size:
        yield order
        return
    yield from order[: size // block_size * block_size].split(block_size)[
        :blocks
    ]


def label_changes(
    bank: FeatureBank,
    previous: FeatureBank,
    heads: Sequence[Head],
    normalization: str,
) -> Dict[Head, Tuple[float, float]]:
    """Share of triplets that changed their label, and share of ties.

    Exact over all ordered triplets of up to 16 fixed blocks of 64 samples.

    Args:
        bank (FeatureBank): The new features.
        previous (FeatureBank): The old ones, of the same samples; the new
            bank itself where there are none, for the ties alone.
        heads (Sequence[tuple[str, str]]): Learning modalities and views.
        normalization (str): Of the features before distances are taken.

    Returns:
        dict[tuple[str, str], tuple[float, float]]: For each head the flip
        rate and the tie rate (of the new labels), in [0, 1]; nan with fewer
        than three samples.
    """
    counts = {head: torch.zeros(3, dtype=torch.int64) for head in heads}
    for rows in fixed_blocks(len(bank)):
        new, old = (
            {
                name: pairwise_distance(value, normalization)
                for name, value in source.lookup(rows).items()
            }
            for source in (bank, previous)
        )
        for head in heads:
            counts[head] += torch.tensor(
                compare_labels(
                    view_distance(new, *head), view_distance(old, *head)
                )
            )
    return {
        head: (float(differ / total), float(ties / total))
        for head, (total, differ, ties) in counts.items()
    }


def feature_spread(features: Tensor) -> float:
    """How far apart features point: 0 all alike, 1 without common direction.

    The root mean square distance of the unit vectors from their mean.

    Args:
        features (Tensor): ``(N, D)``.

    Returns:
        float: In [0, 1].
    """
    if features.numel() <= _WHOLE:
        unit = normalize_features(features.float(), 'l2')
        return float((unit - unit.mean(0)).pow(2).sum(1).mean().sqrt())
    # a bank may be larger than memory: two passes in pieces
    pieces = features.split(max(1, _PIECE // features.shape[1]))
    mean = sum(_unit(piece).sum(0) for piece in pieces) / len(features)
    squares = sum((_unit(piece) - mean).pow(2).sum() for piece in pieces)
    return float((squares / len(features)).sqrt())


def effective_rank(features: Tensor) -> float:
    """In how many directions features differ: 1 in one, D in all alike.

    The exponential of the entropy of the shares that the principal
    directions of the unit vectors have in their variance (Roy and Vetterli,
    "The effective rank", EUSIPCO 2007, of the covariance). Distances follow
    the directions that there are: where this falls from cycle to cycle, they
    say less and less.

    Args:
        features (Tensor): ``(N, D)``.

    Returns:
        float: In [1, D]; nan where all features point in one direction, but
        for rounding. Of 1,024 rows at most where D is larger.
    """
    width = features.shape[1]
    if width > _WIDEST:
        step = -(-len(features) // _WIDEST)
        part = _unit(features[::step])
        part = part - part.mean(0)
        # the other product of the two, which has the same spectrum
        return _rank_of(part @ part.T, len(part), features.dtype)
    pieces = features.split(max(1, _PIECE // width))
    mean = sum(_unit(piece).sum(0) for piece in pieces) / len(features)
    covariance = torch.zeros(width, width, dtype=torch.float64)
    for piece in pieces:
        part = _unit(piece) - mean
        covariance += (part.T @ part).cpu()
    return _rank_of(covariance, len(features), features.dtype)


def _rank_of(products: Tensor, count: int, dtype: torch.dtype) -> float:
    """The effective rank of ``count`` centred rows, of their products."""
    shares = torch.linalg.eigvalsh(products).clamp_min(0)
    variance = shares.sum() / count
    if variance < (10 * torch.finfo(dtype).eps) ** 2:
        return float('nan')
    shares /= shares.sum()
    return float(torch.special.entr(shares).sum().exp())


def _unit(features: Tensor) -> Tensor:
    return normalize_features(features.double(), 'l2')


def cycle_statistics(
    ranker: MultiViewRanker, previous: Optional[FeatureBank]
) -> Dict[str, float]:
    """What a refresh did to the labels of the training samples.

    Args:
        ranker (MultiViewRanker): With its new ``train_bank``.
        previous (FeatureBank, optional): The bank before.

    Returns:
        dict[str, float]: ``tie_rate_{modality}_{view}`` and, where the
        previous bank holds the same samples, ``flip_rate_{modality}_{view}``;
        ``spread_{modality}`` and ``rank_{modality}``.
    """
    bank = ranker.train_bank
    comparable = (
        previous is not None and previous.fingerprint == bank.fingerprint
    )
    changes = label_changes(
        bank,
        previous if comparable else bank,
        list(product(ranker.train_modalities, ranker.views)),
        ranker.normalization,
    )
    scalars = {}
    for (name, view), (flips, ties) in changes.items():
        if comparable:
            scalars[f'flip_rate_{name}_{view}'] = flips
        scalars[f'tie_rate_{name}_{view}'] = ties
    for name, features in bank.features.items():
        scalars[f'spread_{name}'] = feature_spread(features)
        scalars[f'rank_{name}'] = effective_rank(features)
    return scalars


def view_disagreement(ranker: MultiViewRanker) -> Dict[Head, Disagreement]:
    """How often the labels of the other views differ from the self view's.

    Args:
        ranker (MultiViewRanker): With its new ``train_bank``.

    Returns:
        dict[tuple[str, str], Disagreement]: For each learning modality and
        each of its views but self; empty where self is the only one.
    """
    views = [view for view in ranker.views if view != 'self']
    if not views:
        return {}
    return sampled_disagreement(
        ranker.train_bank.features,
        product(ranker.train_modalities, views),
        ranker.normalization,
    )


def without_disagreement(
    shares: Mapping[Head, Disagreement],
) -> List[str]:
    """Modalities that learn the same labels in every view.

    Args:
        shares (Mapping[tuple[str, str], Disagreement]): From
            :func:`view_disagreement`.

    Returns:
        list[str]: Their names.
    """
    return [
        name
        for name in dict.fromkeys(name for name, _ in shares)
        if all(
            s.share == 0 for (owner, _), s in shares.items() if owner == name
        )
    ]
