from .bank_eval_hook import BankEvalHook
from .load_encoder_hook import LoadEncoderHook
from .rank_label_hook import RankLabelHook
from .strict_load_hook import StrictLoadHook

__all__ = [
    'BankEvalHook',
    'LoadEncoderHook',
    'RankLabelHook',
    'StrictLoadHook',
]
