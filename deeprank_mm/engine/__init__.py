from .hooks import (
    AtomicCheckpointHook,
    BankEvalHook,
    ClusterLabelHook,
    CompileHook,
    EpochSeedHook,
    FiniteHook,
    LoadEncoderHook,
    RankLabelHook,
    StrictLoadHook,
)
from .loops import FeatureTestLoop, FeatureValLoop, StepsTrainLoop
from .optim_wrapper import CpuAmpOptimWrapper

__all__ = [
    'AtomicCheckpointHook',
    'BankEvalHook',
    'ClusterLabelHook',
    'CompileHook',
    'CpuAmpOptimWrapper',
    'EpochSeedHook',
    'FeatureTestLoop',
    'FeatureValLoop',
    'FiniteHook',
    'LoadEncoderHook',
    'RankLabelHook',
    'StepsTrainLoop',
    'StrictLoadHook',
]
