# Finetune the pretrained joint encoder on NW-UCLA cross-view.
_base_ = [
    '../_base_/datasets/nwucla_xview.py',
    '../_base_/models/aagcn_small_recognizer.py',
    '../_base_/schedules/finetune_100e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/finetune/aagcn_nwucla_xview'

model = dict(
    backbone=dict(
        num_person=1,
        graph_cfg=dict(_delete_=True, layout=_base_.layout, mode='spatial'),
    ),
    cls_head=dict(num_classes=10),
)
train_cfg = dict(max_epochs=40)
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[32], gamma=0.1)
]
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/aagcn_nwucla_xview',
        modality='joint',
    )
]
