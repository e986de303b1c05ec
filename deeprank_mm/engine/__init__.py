from .hooks import BankEvalHook, LoadEncoderHook, RankLabelHook, StrictLoadHook
from .loops import FeatureTestLoop
from .optim_wrapper import CpuAmpOptimWrapper

__all__ = [
    'BankEvalHook',
    'CpuAmpOptimWrapper',
    'FeatureTestLoop',
    'LoadEncoderHook',
    'RankLabelHook',
    'StrictLoadHook',
]
