from .multi_view_ranker import MultiViewRanker

__all__ = ['MultiViewRanker']
