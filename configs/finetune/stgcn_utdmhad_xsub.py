# Finetune the pretrained joint encoder on UTD-MHAD cross-subject.
_base_ = [
    '../_base_/datasets/utdmhad_xsub.py',
    '../_base_/models/stgcn_small_recognizer.py',
    '../_base_/schedules/finetune_100e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/finetune/stgcn_utdmhad_xsub'

model = dict(
    backbone=dict(
        graph_cfg=dict(
            _delete_=True, layout=_base_.layout, mode='stgcn_spatial'
        )
    ),
    cls_head=dict(num_classes=27),
)
train_cfg = dict(max_epochs=40)
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[32], gamma=0.1)
]
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/stgcn_utdmhad_xsub',
        modality='joint',
    )
]
