"""How often two views label the same triplet differently (Fig. 4)."""

from __future__ import annotations

from typing import Dict, Iterable, Mapping, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from .distance import candidate_distance, pairwise_distance
from .triplets import compare_labels
from .views import view_distance

# Two-sided 95 % of the normal distribution.
_Z = 1.959964
# Triplets whose features are gathered at a time.
_CHUNK = 8192


class Disagreement(NamedTuple):
    """Share of triplets whose label differs from the self view's.

    Attributes:
        share (float): In [0, 1]; nan without any triplet.
        low (float): Lower end of its 95 % confidence interval.
        high (float): Upper end. Both equal the share if every triplet was
            counted.
        triplets (int): How many triplets it comes from.
    """

    share: float
    low: float
    high: float
    triplets: int

    def __str__(self) -> str:
        """In per cent, with the interval."""
        share, low, high = (f'{100 * value:.2f}' for value in self[:3])
        return f'{share} % ({low} to {high})'


def batch_disagreement(
    distances: Mapping[str, Tensor],
    modality: str,
    view: str,
    valid: Optional[Tensor] = None,
) -> Disagreement:
    """Exact over all ordered triplets of a batch.

    Args:
        distances (Mapping[str, Tensor]): For every modality its ``(B, B)``
            feature distances.
        modality (str): The modality that learns.
        view (str): ``'other'`` or ``'all'``.
        valid (Tensor, optional): ``(B, B)`` bool, see
            :func:`~deeprank_mm.ranking.valid_pairs`.

    Returns:
        Disagreement: With an interval of no width.

    Raises:
        ValueError: If the view makes no sense.
    """
    total, differ, _ = compare_labels(
        view_distance(distances, modality, 'self'),
        view_distance(distances, modality, view),
        valid,
    )
    share = differ / total if total else float('nan')
    return Disagreement(share, share, share, total)


def sampled_disagreement(
    features: Mapping[str, Tensor],
    heads: Iterable[Tuple[str, str]],
    normalization: str = 'l2',
    triplets: int = 100_000,
    seed: int = 0,
) -> Dict[Tuple[str, str], Disagreement]:
    """Estimated over all ordered triplets of a data set.

    Each triplet is drawn by itself, uniformly from all of them, so the share
    is unbiased and Wilson's interval holds, for these features as they are.
    The triplets of one batch would not do: they share samples, and an
    interval that took them as independent would be far too narrow. A data
    set that has no more triplets than are asked for is counted in full.

    Args:
        features (Mapping[str, Tensor]): For every modality ``(N, D)``, the
            same samples in the same order.
        heads (Iterable[tuple[str, str]]): Learning modality and view of each
            share wanted.
        normalization (str): See
            :func:`~deeprank_mm.ranking.normalize_features`.
        triplets (int): How many to draw. Defaults to 100,000: the interval
            is then at most 0.62 percentage points wide.
        seed (int): Of a generator of its own. The same seed draws the same
            triplets, so that two cycles differ by their features alone.
            Defaults to 0.

    Returns:
        dict[tuple[str, str], Disagreement]: By ``(modality, view)``.

    Raises:
        ValueError: If no triplet is asked for, or a view makes no sense.
    """
    if triplets < 1:
        raise ValueError(
            f'Label disagreement needs at least 1 triplet, got {triplets}.'
        )
    heads = list(heads)
    size = len(next(iter(features.values())))
    if size * (size - 1) * (size - 2) <= triplets:
        distances = {
            name: pairwise_distance(value, normalization)
            for name, value in features.items()
        }
        return {head: batch_disagreement(distances, *head) for head in heads}
    differ = [0] * len(heads)
    generator = torch.Generator().manual_seed(seed)
    for anchors, candidates in _draw(size, triplets, generator):
        distances = {
            name: candidate_distance(
                value[anchors], value[candidates], normalization
            )
            for name, value in features.items()
        }
        for i, (name, view) in enumerate(heads):
            own, label = (
                _first_is_closer(view_distance(distances, name, v))
                for v in ('self', view)
            )
            differ[i] += int((own != label).sum())
    return {
        head: Disagreement(
            count / triplets, *wilson(count, triplets), triplets
        )
        for head, count in zip(heads, differ)
    }


def wilson(hits: int, total: int) -> Tuple[float, float]:
    """Wilson's 95 % confidence interval of a share.

    Unlike the usual ``p +- 2 sd`` it keeps its level near 0 and 1, and has a
    width where no or every trial was a hit.

    Args:
        hits (int): Trials that were.
        total (int): Independent trials, at least 1.

    Returns:
        tuple[float, float]: Its ends, in [0, 1].
    """
    share, z2 = hits / total, _Z * _Z / total
    centre = share + z2 / 2
    reach = (share * (1 - share) * z2 + z2 * z2 / 4) ** 0.5
    # with no or with all hits one end is exact, but for rounding
    return (
        (centre - reach) / (1 + z2) if hits else 0.0,
        (centre + reach) / (1 + z2) if hits < total else 1.0,
    )


def _first_is_closer(distances: Tensor) -> Tensor:
    """Eqs. 2 and 13 for ``(N, 2)`` distances to both candidates."""
    return distances[:, 0] < distances[:, 1]


def _draw(
    size: int, triplets: int, generator: torch.Generator
) -> Iterable[Tuple[Tensor, Tensor]]:
    """Ordered triplets of distinct rows, all equally likely, in chunks."""
    for start in range(0, triplets, _CHUNK):
        count = min(_CHUNK, triplets - start)
        anchor, first, second = (
            torch.randint(size - taken, (count,), generator=generator)
            for taken in range(3)
        )
        # step over the rows that are taken, the lower one first
        first += first >= anchor
        second += second >= torch.minimum(anchor, first)
        second += second >= torch.maximum(anchor, first)
        yield anchor, torch.stack([first, second], dim=1)
