from .knn import KNNMetric, knn_predict
from .linear_probe import LinearProbeMetric, linear_probe_accuracy
from .ranking import RankingMetric
from .support_metric import SupportMetric

__all__ = [
    'KNNMetric',
    'LinearProbeMetric',
    'RankingMetric',
    'SupportMetric',
    'knn_predict',
    'linear_probe_accuracy',
]
