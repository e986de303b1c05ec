"""Feature distances: eq. 3 with the four normalisations of Table I."""

from __future__ import annotations

import torch
from torch import Tensor

NORMALIZATIONS = ('none', 'minmax', 'l1', 'l2')

# Below this a norm or a range counts as zero: the vector stays as it is.
_EPS = 1e-12


def normalize_features(features: Tensor, mode: str = 'l2') -> Tensor:
    """Normalise each feature vector by itself (Table I).

    Args:
        features (Tensor): ``(B, D)``, floating point.
        mode (str): ``'none'``; ``'minmax'``, each vector's own entries mapped
            to [0, 1]; ``'l1'`` or ``'l2'``, each vector to unit norm.
            Defaults to ``'l2'``, the paper's choice.

    Returns:
        Tensor: ``(B, D)``. A vector without extent (zero norm, or all
        entries equal under ``'minmax'``) becomes zero.

    Raises:
        ValueError: If ``mode`` is unknown.
    """
    if mode == 'none':
        return features
    if mode == 'minmax':
        low = features.amin(dim=-1, keepdim=True)
        extent = features.amax(dim=-1, keepdim=True) - low
        return (features - low) / extent.clamp_min(_EPS)
    if mode in ('l1', 'l2'):
        return torch.nn.functional.normalize(
            features, p=int(mode[1]), dim=-1, eps=_EPS
        )
    raise ValueError(
        f'Unknown normalization {mode!r}: choose one of '
        f'{", ".join(NORMALIZATIONS)}.'
    )


@torch.no_grad()
def pairwise_distance(features: Tensor, normalization: str = 'l2') -> Tensor:
    """Euclidean distances between all feature vectors (eq. 3).

    They only ever become labels, so no gradient is kept. They are computed
    in float32 at least, also under autocast, and from differences instead of
    the faster expansion ``|x|^2 - 2xy + |y|^2``: that one is neither
    symmetric nor zero for equal vectors, so ties would get random labels.

    Args:
        features (Tensor): ``(B, D)``.
        normalization (str): See :func:`normalize_features`.

    Returns:
        Tensor: ``(B, B)``, ``[a, c]`` the distance from anchor ``a`` to
        candidate ``c``; float32, or float64 for float64 features.
    """
    return cross_distance(features, features, normalization)


@torch.no_grad()
def candidate_distance(
    anchors: Tensor, candidates: Tensor, normalization: str = 'l2'
) -> Tensor:
    """Distances from each anchor to candidates of its own (eq. 3).

    The same numbers, to the last bit, as :func:`pairwise_distance` gives for
    these pairs, without the table of all.

    Args:
        anchors (Tensor): ``(N, D)``.
        candidates (Tensor): ``(N, K, D)``.
        normalization (str): See :func:`normalize_features`.

    Returns:
        Tensor: ``(N, K)``; float32, or float64 for float64 features.
    """
    return cross_distance(anchors[:, None], candidates, normalization)[:, 0]


@torch.no_grad()
def cross_distance(
    anchors: Tensor, candidates: Tensor, normalization: str = 'l2'
) -> Tensor:
    """Distances from each anchor to each candidate (eq. 3).

    The same numbers, to the last bit, as :func:`pairwise_distance` gives for
    these pairs.

    Args:
        anchors (Tensor): ``(..., A, D)``.
        candidates (Tensor): ``(..., B, D)``.
        normalization (str): See :func:`normalize_features`.

    Returns:
        Tensor: ``(..., A, B)``; float32, or float64 for float64 features.
    """
    with torch.autocast(anchors.device.type, enabled=False):
        return torch.cdist(
            _prepare(anchors, normalization),
            _prepare(candidates, normalization),
            compute_mode='donot_use_mm_for_euclid_dist',
        )


def _prepare(features: Tensor, normalization: str) -> Tensor:
    if features.dtype != torch.float64:
        features = features.float()
    return normalize_features(features, normalization)
