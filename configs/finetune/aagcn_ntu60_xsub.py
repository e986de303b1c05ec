# Finetune the pretrained joint encoder on NTU60 cross-subject.
_base_ = [
    '../_base_/datasets/ntu60_xsub.py',
    '../_base_/models/aagcn_recognizer.py',
    '../_base_/schedules/finetune_100e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/finetune/aagcn_ntu60_xsub'

custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/aagcn_ntu60_xsub',
        modality='joint',
    )
]
