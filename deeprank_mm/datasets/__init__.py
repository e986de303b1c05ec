"""Data sets, transforms and what they are made from."""

from .digits import DigitsDataset
from .id_files import ids_digest, read_ids, write_ids
from .image_dataset import ImageDataset
from .keyed_pipeline import KeyedPipeline
from .layouts import JOINT_NAMES, LAYOUTS, get_layout
from .pipeline_view import with_pipeline
from .safe_pickle import UnsafeAnnotationError, load_annotations
from .skeleton_dataset import SkeletonDataset
from .subsets import holdout_split, labelled_subset
from .transforms import *  # noqa: F401,F403

__all__ = [
    'DigitsDataset',
    'ImageDataset',
    'JOINT_NAMES',
    'KeyedPipeline',
    'LAYOUTS',
    'SkeletonDataset',
    'UnsafeAnnotationError',
    'get_layout',
    'holdout_split',
    'ids_digest',
    'labelled_subset',
    'load_annotations',
    'read_ids',
    'with_pipeline',
    'write_ids',
]
