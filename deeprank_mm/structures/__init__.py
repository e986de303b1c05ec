from .feature_bank import FeatureBank, check_finite
from .samples import (
    check_packed,
    features_of,
    label_of,
    sample_id_of,
    set_feature,
)

__all__ = [
    'FeatureBank',
    'check_finite',
    'check_packed',
    'features_of',
    'label_of',
    'sample_id_of',
    'set_feature',
]
