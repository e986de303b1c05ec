"""k-means: the clusters that are there, and none without a sample."""

import importlib.util
import sys
import types

import numpy as np
import pytest
import torch

from deeprank_mm.engine import clustering
from deeprank_mm.engine.clustering import (
    cluster_features,
    clustering_library,
    nearest_centres,
)

FAISS = importlib.util.find_spec('faiss') is not None


def directions(count, repeats, noise=0.01):
    """Vectors of any length around ``count`` orthogonal directions."""
    truth = torch.arange(count).repeat(repeats)
    points = torch.eye(count)[truth] + noise * torch.randn(
        count * repeats, count
    )
    return points * torch.rand(len(points), 1).add(0.1).mul(9), truth


@pytest.mark.parametrize(
    'library',
    [
        'sklearn',
        pytest.param(
            'faiss', marks=pytest.mark.skipif(not FAISS, reason='no faiss')
        ),
    ],
)
def test_directions_are_clusters_whatever_the_lengths(library):
    points, truth = directions(3, 20)
    found, centres = cluster_features(points, 3, seed=0, library=library)
    # one cluster a direction, by whatever numbers
    assert len({(int(a), int(b)) for a, b in zip(found, truth)}) == 3
    assert centres.shape == (3, 3)
    assert torch.equal(nearest_centres(points * 7, centres), found)


def test_every_sample_is_with_its_nearest_centre():
    points = torch.randn(50, 5)
    found, centres = cluster_features(points, 8, seed=3)
    unit = points.double() / points.double().norm(dim=1, keepdim=True)
    for row, number in zip(unit.numpy(), found.tolist()):
        gaps = ((row - centres.numpy()) ** 2).sum(1)
        assert gaps[number] == pytest.approx(gaps.min(), abs=1e-6)


def test_the_seed_decides():
    points = torch.randn(80, 4)
    one, two, three = (
        cluster_features(points, 10, seed=seed)[0] for seed in (1, 1, 2)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


@pytest.mark.parametrize('count', [2, 7, 30])
def test_no_cluster_stays_empty_while_features_differ(monkeypatch, count):
    # a fit that puts all centres onto one spot leaves all but one empty
    def poor(points, n_clusters, seed):
        return np.repeat(points[:1], n_clusters, axis=0)

    monkeypatch.setattr(clustering, '_fit_sklearn', poor)
    found, centres = cluster_features(torch.randn(30, 6), count, seed=0)
    assert found.bincount(minlength=count).min() > 0
    assert centres.shape == (count, 6)


def test_fewer_different_features_than_clusters():
    points = torch.randn(4, 6).repeat(5, 1)
    found, _ = cluster_features(points, 9, seed=0)
    assert found.unique().numel() == 4
    assert torch.equal(found[:4], found[4:8])


def test_more_clusters_than_samples_is_an_error():
    with pytest.raises(ValueError, match='9 clusters.*8 training samples'):
        cluster_features(torch.randn(8, 3), 9, seed=0)
    assert cluster_features(torch.randn(8, 3), 8, seed=0)[0].unique().numel()


def test_faiss_is_used_where_it_is_installed(monkeypatch):
    class Kmeans:
        def __init__(self, width, count, **options):
            assert options['max_points_per_centroid'] >= 60
            self.count = count

        def train(self, points):
            self.centroids = points[: self.count]

    fake = types.ModuleType('faiss')
    fake.Kmeans = Kmeans
    fake.__spec__ = importlib.util.spec_from_loader('faiss', None)
    monkeypatch.setitem(sys.modules, 'faiss', fake)
    assert clustering_library() == clustering_library('faiss') == 'faiss'
    assert clustering_library('sklearn') == 'sklearn'
    points = torch.randn(60, 4)
    found, _ = cluster_features(points, 5, 0, clustering_library())
    assert found[:5].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.skipif(FAISS, reason='faiss is there')
def test_without_faiss():
    assert clustering_library() == 'sklearn'
    with pytest.raises(ImportError, match='install faiss-cpu'):
        clustering_library('faiss')


def test_unknown_library():
    with pytest.raises(ValueError, match="Unknown clustering library 'k'"):
        clustering_library('k')
