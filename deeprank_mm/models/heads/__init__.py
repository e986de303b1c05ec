from .triplet_ranking_head import TripletRankingHead

__all__ = ['TripletRankingHead']
