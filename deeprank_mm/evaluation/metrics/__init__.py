from .cluster import ClusterMetric
from .knn import KNNMetric, knn_votes
from .linear_probe import LinearProbeMetric, linear_probe
from .ranking import RankingMetric
from .support_metric import SupportMetric

__all__ = [
    'ClusterMetric',
    'KNNMetric',
    'LinearProbeMetric',
    'RankingMetric',
    'SupportMetric',
    'knn_votes',
    'linear_probe',
]
