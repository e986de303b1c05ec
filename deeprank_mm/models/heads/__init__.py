from .cluster_head import ClusterHead
from .cosine_ranking_head import CosineRankingHead
from .list_ranking_head import ListRankingHead
from .mlp_ranking_head import MLPRankingHead
from .projection_head import ProjectionHead
from .triplet_ranking_head import TripletRankingHead
from .vit_ranking_head import ViTRankingHead

__all__ = [
    'ClusterHead',
    'CosineRankingHead',
    'ListRankingHead',
    'MLPRankingHead',
    'ProjectionHead',
    'TripletRankingHead',
    'ViTRankingHead',
]
