from .hooks import (
    BankEvalHook,
    EpochSeedHook,
    LoadEncoderHook,
    RankLabelHook,
    StrictLoadHook,
)
from .loops import FeatureTestLoop
from .optim_wrapper import CpuAmpOptimWrapper

__all__ = [
    'BankEvalHook',
    'CpuAmpOptimWrapper',
    'EpochSeedHook',
    'FeatureTestLoop',
    'LoadEncoderHook',
    'RankLabelHook',
    'StrictLoadHook',
]
