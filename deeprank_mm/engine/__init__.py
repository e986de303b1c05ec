from .hooks import (
    AtomicCheckpointHook,
    BankEvalHook,
    EpochSeedHook,
    FiniteHook,
    LoadEncoderHook,
    RankLabelHook,
    StrictLoadHook,
)
from .loops import FeatureTestLoop
from .optim_wrapper import CpuAmpOptimWrapper

__all__ = [
    'AtomicCheckpointHook',
    'BankEvalHook',
    'CpuAmpOptimWrapper',
    'EpochSeedHook',
    'FeatureTestLoop',
    'FiniteHook',
    'LoadEncoderHook',
    'RankLabelHook',
    'StrictLoadHook',
]
