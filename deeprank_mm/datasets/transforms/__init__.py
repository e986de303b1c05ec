"""Skeleton transforms, in the order in which a pipeline uses them."""

from .augment_clips import AugmentClips
from .centre import CentreSkeleton
from .crop_resize import TemporalCropResize
from .map_joints import MapJoints
from .modalities import GenerateModalities
from .rotation import RandomRotation
from .shear import Shear

__all__ = [
    'AugmentClips',
    'CentreSkeleton',
    'GenerateModalities',
    'MapJoints',
    'RandomRotation',
    'Shear',
    'TemporalCropResize',
]
