"""The three views of a ranking label: eqs. 14, 17 and 18."""

from __future__ import annotations

from typing import Mapping

from torch import Tensor

VIEWS = ('self', 'other', 'all')


def view_distance(
    distances: Mapping[str, Tensor], modality: str, view: str
) -> Tensor:
    """Distance that ranks the candidates of one modality in one view.

    Args:
        distances (Mapping[str, Tensor]): For every modality its ``(B, B)``
            feature distances (:func:`~deeprank_mm.ranking.pairwise_distance`).
        modality (str): The modality that learns from the label.
        view (str): ``'self'`` takes the modality's own distances (eq. 14),
            ``'other'`` sums those of all other modalities (eq. 17),
            ``'all'`` sums over every modality (eq. 18).

    Returns:
        Tensor: ``(B, B)``.

    Raises:
        ValueError: If the view is unknown, or is ``'other'`` where there is
            no other modality.
    """
    if view == 'self':
        return distances[modality]
    if view == 'other':
        others = [d for name, d in distances.items() if name != modality]
        if not others:
            raise ValueError(
                f"View 'other' of modality {modality!r} needs a second "
                'modality: add one to `modalities` or drop the view.'
            )
        return sum(others[1:], others[0])
    if view == 'all':
        every = list(distances.values())
        return sum(every[1:], every[0])
    raise ValueError(f'Unknown view {view!r}: choose from {", ".join(VIEWS)}.')
