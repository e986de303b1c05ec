"""Use a trained checkpoint without a Runner."""

from .inferencer import Answer, Row, SkeletonInferencer
from .search_set import SearchSet
from .skeleton_files import read_skeleton

__all__ = [
    'Answer',
    'Row',
    'SearchSet',
    'SkeletonInferencer',
    'read_skeleton',
]
