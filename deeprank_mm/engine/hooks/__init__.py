from .bank_eval_hook import BankEvalHook
from .epoch_seed_hook import EpochSeedHook
from .load_encoder_hook import LoadEncoderHook
from .rank_label_hook import RankLabelHook
from .strict_load_hook import StrictLoadHook

__all__ = [
    'BankEvalHook',
    'EpochSeedHook',
    'LoadEncoderHook',
    'RankLabelHook',
    'StrictLoadHook',
]
