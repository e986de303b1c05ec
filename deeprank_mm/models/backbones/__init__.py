from .sttformer import STTFormer
from .sttformer_weights import convert_sttformer, infer_sttformer

__all__ = ['STTFormer', 'convert_sttformer', 'infer_sttformer']
