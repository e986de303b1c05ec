"""Numbers that say how the labels of a cycle are doing."""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Tuple

import torch
from torch import Tensor

from deeprank_mm.models import MultiViewRanker
from deeprank_mm.ranking import (
    compare_labels,
    normalize_features,
    pairwise_distance,
    view_distance,
)
from deeprank_mm.structures import FeatureBank


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


def view_table(
    bank: FeatureBank,
    rows: Tensor,
    modality: str,
    view: str,
    normalization: str,
) -> Tensor:
    """Distances that label the triplets of some rows in one view.

    Args:
        bank (FeatureBank): Frozen features.
        rows (Tensor): ``(B, )`` row numbers.
        modality (str): The modality that learns.
        view (str): The view.
        normalization (str): See :func:`~deeprank_mm.ranking.
            normalize_features`.

    Returns:
        Tensor: ``(B, B)``.
    """
    distances = {
        name: pairwise_distance(value, normalization)
        for name, value in bank.lookup(rows).items()
    }
    return view_distance(distances, modality, view)


def label_changes(
    bank: FeatureBank,
    previous: FeatureBank,
    modality: str,
    view: str,
    normalization: str,
) -> Tuple[float, float]:
    """Share of triplets that changed their label, and share of ties.

    Exact over all ordered triplets of up to 16 fixed blocks of 64 samples.

    Args:
        bank (FeatureBank): The new features.
        previous (FeatureBank): The old ones, of the same samples; the new
            bank itself where there are none, for the ties alone.
        modality (str): The modality that learns.
        view (str): The view.
        normalization (str): Of the features before distances are taken.

    Returns:
        tuple[float, float]: Flip rate and tie rate (of the new labels), in
        [0, 1]; nan with fewer than three samples.
    """
    total = differ = ties = 0
    for rows in fixed_blocks(len(bank)):
        tables = [
            view_table(b, rows, modality, view, normalization)
            for b in (bank, previous)
        ]
        counts = compare_labels(*tables)
        total, differ, ties = (
            total + counts[0],
            differ + counts[1],
            ties + counts[2],
        )
    if not total:
        return float('nan'), float('nan')
    return differ / total, ties / total


def feature_spread(features: Tensor) -> float:
    """How far apart features point: 0 all alike, 1 without common direction.

    The root mean square distance of the unit vectors from their mean.

    Args:
        features (Tensor): ``(N, D)``.

    Returns:
        float: In [0, 1].
    """
    unit = normalize_features(features, 'l2')
    return float((unit - unit.mean(0)).pow(2).sum(1).mean().sqrt())


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
        ``spread_{modality}``.
    """
    bank = ranker.train_bank
    comparable = (
        previous is not None and previous.fingerprint == bank.fingerprint
    )
    scalars = {}
    for name in ranker.train_modalities:
        for view in ranker.views:
            flips, ties = label_changes(
                bank,
                previous if comparable else bank,
                name,
                view,
                ranker.normalization,
            )
            if comparable:
                scalars[f'flip_rate_{name}_{view}'] = flips
            scalars[f'tie_rate_{name}_{view}'] = ties
    for name, features in bank.features.items():
        scalars[f'spread_{name}'] = feature_spread(features)
    return scalars
