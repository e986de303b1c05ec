from .cluster_classifier import ClusterClassifier

__all__ = ['ClusterClassifier']
