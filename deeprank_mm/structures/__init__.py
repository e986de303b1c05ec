from .feature_bank import FeatureBank
from .samples import features_of, label_of, sample_id_of, set_feature

__all__ = [
    'FeatureBank',
    'features_of',
    'label_of',
    'sample_id_of',
    'set_feature',
]
