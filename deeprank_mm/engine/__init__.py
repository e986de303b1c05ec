from .hooks import (
    AtomicCheckpointHook,
    BankEvalHook,
    ClusterLabelHook,
    EpochSeedHook,
    FiniteHook,
    LoadEncoderHook,
    RankLabelHook,
    StrictLoadHook,
)
from .loops import FeatureTestLoop, FeatureValLoop
from .optim_wrapper import CpuAmpOptimWrapper

__all__ = [
    'AtomicCheckpointHook',
    'BankEvalHook',
    'ClusterLabelHook',
    'CpuAmpOptimWrapper',
    'EpochSeedHook',
    'FeatureTestLoop',
    'FeatureValLoop',
    'FiniteHook',
    'LoadEncoderHook',
    'RankLabelHook',
    'StrictLoadHook',
]
