from .feature_bank import FeatureBank
from .samples import label_of, sample_id_of

__all__ = ['FeatureBank', 'label_of', 'sample_id_of']
