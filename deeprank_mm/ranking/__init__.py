"""The paper, as pure tensor functions: knows torch and nothing else."""

from .disagreement import (
    Disagreement,
    batch_disagreement,
    sampled_disagreement,
)
from .distance import (
    NORMALIZATIONS,
    candidate_distance,
    cross_distance,
    normalize_features,
    pairwise_distance,
)
from .triplets import (
    TripletStatistics,
    compare_labels,
    own_clip_loss,
    triplet_ranking_loss,
    valid_pairs,
)
from .views import VIEWS, view_distance

__all__ = [
    'NORMALIZATIONS',
    'VIEWS',
    'Disagreement',
    'TripletStatistics',
    'batch_disagreement',
    'candidate_distance',
    'compare_labels',
    'cross_distance',
    'normalize_features',
    'own_clip_loss',
    'pairwise_distance',
    'sampled_disagreement',
    'triplet_ranking_loss',
    'valid_pairs',
    'view_distance',
]
