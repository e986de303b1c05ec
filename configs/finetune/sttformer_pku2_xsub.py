# Finetune the pretrained joint encoder on PKU-MMD II cross-subject.
_base_ = [
    '../_base_/datasets/pku2_xsub.py',
    '../_base_/models/sttformer_recognizer.py',
    '../_base_/schedules/finetune_90e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/finetune/sttformer_pku2_xsub'

model = dict(cls_head=dict(num_classes=41))
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/sttformer_pku2_xsub',
        modality='joint',
    )
]
