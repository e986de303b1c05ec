"""Transforms of skeletons, and the few that images need."""

from .augment_clips import AugmentClips
from .centre import CentreSkeleton
from .crop_resize import TemporalCropResize
from .image import FormatImage, PadCrop
from .map_joints import MapJoints
from .modalities import GenerateModalities
from .rotation import RandomRotation
from .shear import Shear

__all__ = [
    'AugmentClips',
    'CentreSkeleton',
    'FormatImage',
    'GenerateModalities',
    'MapJoints',
    'PadCrop',
    'RandomRotation',
    'Shear',
    'TemporalCropResize',
]
