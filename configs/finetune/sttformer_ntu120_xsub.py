# Finetune the pretrained joint encoder on NTU120 cross-subject.
_base_ = [
    '../_base_/datasets/ntu120_xsub.py',
    '../_base_/models/sttformer_recognizer.py',
    '../_base_/schedules/finetune_90e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/finetune/sttformer_ntu120_xsub'

model = dict(cls_head=dict(num_classes=120))
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/sttformer_ntu120_xsub',
        modality='joint',
    )
]
