from .fast_stgcn import FastSTGCN
from .joint_distances import JointDistances
from .small_image_resnet import SmallImageResNet
from .sttformer import STTFormer
from .sttformer_weights import convert_sttformer, infer_sttformer

__all__ = [
    'FastSTGCN',
    'JointDistances',
    'STTFormer',
    'SmallImageResNet',
    'convert_sttformer',
    'infer_sttformer',
]
