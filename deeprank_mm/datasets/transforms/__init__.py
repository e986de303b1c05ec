"""Skeleton transforms, in the order in which a pipeline uses them."""

from .centre import CentreSkeleton
from .crop_resize import TemporalCropResize
from .map_joints import MapJoints
from .modalities import GenerateModalities
from .rotation import RandomRotation

__all__ = [
    'CentreSkeleton',
    'GenerateModalities',
    'MapJoints',
    'RandomRotation',
    'TemporalCropResize',
]
