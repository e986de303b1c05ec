"""The paper, as pure tensor functions: knows torch and nothing else."""

from .distance import NORMALIZATIONS, normalize_features, pairwise_distance
from .triplets import (
    TripletStatistics,
    compare_labels,
    triplet_ranking_loss,
    valid_pairs,
)
from .views import VIEWS, view_distance

__all__ = [
    'NORMALIZATIONS',
    'VIEWS',
    'TripletStatistics',
    'compare_labels',
    'normalize_features',
    'pairwise_distance',
    'triplet_ranking_loss',
    'valid_pairs',
    'view_distance',
]
