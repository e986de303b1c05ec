"""k-means on the features of a bank: the pseudo classes of DeepCluster."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Optional, Tuple

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from deeprank_mm.ranking import normalize_features

LIBRARIES = ('sklearn', 'faiss')
# Lloyd's iterations at most; sklearn stops when nothing moves any more
_ITERATIONS = 100
_BLOCK_ELEMENTS = 1 << 24


def clustering_library(name: Optional[str] = None) -> str:
    """Which library clusters.

    Args:
        name (str, optional): ``'sklearn'`` or ``'faiss'``. Defaults to None:
            faiss where it is installed.

    Returns:
        str: Its name.

    Raises:
        ValueError: If it is unknown.
        ImportError: If it is not installed.
    """
    installed = importlib.util.find_spec('faiss') is not None
    if name is None:
        return 'faiss' if installed else 'sklearn'
    if name not in LIBRARIES:
        raise ValueError(
            f'Unknown clustering library {name!r}: choose one of '
            f'{", ".join(LIBRARIES)}, or None.'
        )
    if name == 'faiss' and not installed:
        raise ImportError(
            "library='faiss', but faiss is not installed: install faiss-cpu "
            'or faiss-gpu, or leave the choice to None.'
        )
    return name


def cluster_features(
    features: Tensor, n_clusters: int, seed: int, library: str = 'sklearn'
) -> Tuple[Tensor, Tensor]:
    """k-means on L2-normalised features.

    A cluster that ends without a sample is given the one that is farthest
    from its centre, until every cluster has one or no two features differ
    any more: only with fewer different features than clusters some stay
    empty.

    Args:
        features (Tensor): ``(N, D)``.
        n_clusters (int): How many clusters.
        seed (int): 0 to 2^31 - 1, of the first centres.
        library (str): See :func:`clustering_library`. Defaults to
            ``'sklearn'``.

    Returns:
        tuple[Tensor, Tensor]: ``(N, )`` int64 clusters and their centres
        ``(n_clusters, D)`` float32.

    Raises:
        ValueError: If there are more clusters than samples.
    """
    check_cluster_count(n_clusters, len(features))
    unit = normalize_features(features.float(), 'l2')
    fit = _fit_faiss if library == 'faiss' else _fit_sklearn
    points = np.ascontiguousarray(unit.numpy())
    centres = torch.from_numpy(fit(points, n_clusters, seed)).float()
    return _fill_empty(unit, centres)


def check_cluster_count(n_clusters: int, samples: int) -> None:
    """Refuse more clusters than there are samples.

    Args:
        n_clusters (int): How many clusters.
        samples (int): How many samples.

    Raises:
        ValueError: If there are too many.
    """
    if n_clusters > samples:
        raise ValueError(
            f'{n_clusters} clusters cannot be made of {samples} training '
            "samples: lower the head's `n_clusters`."
        )


def nearest_centres(features: Tensor, centres: Tensor) -> Tensor:
    """Which cluster other features would be in.

    Args:
        features (Tensor): ``(N, D)``; normalised here.
        centres (Tensor): ``(K, D)``, from :func:`cluster_features`.

    Returns:
        Tensor: ``(N, )`` int64.
    """
    return _nearest(normalize_features(features.float(), 'l2'), centres)[0]


def _nearest(unit: Tensor, centres: Tensor) -> Tuple[Tensor, Tensor]:
    """Number of, and squared distance to, the nearest centre."""
    step = max(1, _BLOCK_ELEMENTS // len(centres))
    squares = centres.pow(2).sum(1)
    parts = [
        (squares - 2 * part @ centres.T).min(1) for part in unit.split(step)
    ]
    number = torch.cat([part.indices for part in parts])
    return number, (unit - centres[number]).pow(2).sum(1)


def _fill_empty(unit: Tensor, centres: Tensor) -> Tuple[Tensor, Tensor]:
    centres = centres.clone()
    number, distance = _nearest(unit, centres)
    for _ in range(2 * len(centres)):
        counts = number.bincount(minlength=len(centres))
        empty = (counts == 0).nonzero()[:, 0]
        # a sample alone would only move, and leave an empty cluster
        distance = distance.masked_fill(counts[number] == 1, 0.0)
        farthest = int(distance.argmax())
        if not len(empty) or distance[farthest] < 1e-10:
            break
        centres[empty[0]] = unit[farthest]
        number, distance = _nearest(unit, centres)
    return number, centres


def _fit_sklearn(points: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    kmeans = KMeans(
        n_clusters,
        n_init=1,
        max_iter=_ITERATIONS,
        tol=0.0,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # fewer different points than clusters: the hook reports the empty
        warnings.simplefilter('ignore', ConvergenceWarning)
        return kmeans.fit(points).cluster_centers_


def _fit_faiss(points: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    import faiss

    kmeans = faiss.Kmeans(
        points.shape[1],
        n_clusters,
        niter=_ITERATIONS,
        seed=seed,
        # all samples count, and few a cluster are no reason to complain
        min_points_per_centroid=1,
        max_points_per_centroid=len(points),
    )
    kmeans.train(points)
    return np.asarray(kmeans.centroids)
