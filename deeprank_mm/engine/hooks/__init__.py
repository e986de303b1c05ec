from .bank_eval_hook import BankEvalHook
from .checkpoint_hook import AtomicCheckpointHook
from .cluster_label_hook import ClusterLabelHook
from .compile_hook import CompileHook
from .epoch_seed_hook import EpochSeedHook
from .finite_hook import FiniteHook
from .load_encoder_hook import LoadEncoderHook
from .rank_label_hook import RankLabelHook
from .strict_load_hook import StrictLoadHook

__all__ = [
    'AtomicCheckpointHook',
    'BankEvalHook',
    'ClusterLabelHook',
    'CompileHook',
    'EpochSeedHook',
    'FiniteHook',
    'LoadEncoderHook',
    'RankLabelHook',
    'StrictLoadHook',
]
