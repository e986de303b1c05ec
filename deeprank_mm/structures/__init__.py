from .feature_bank import FeatureBank, check_finite
from .mapped_bank import (
    BANK_DTYPES,
    MappedFeatureBank,
    load_bank,
    merge_rows,
)
from .samples import (
    check_packed,
    features_of,
    label_of,
    sample_id_of,
    set_feature,
)

__all__ = [
    'BANK_DTYPES',
    'FeatureBank',
    'MappedFeatureBank',
    'check_finite',
    'check_packed',
    'features_of',
    'label_of',
    'load_bank',
    'merge_rows',
    'sample_id_of',
    'set_feature',
]
