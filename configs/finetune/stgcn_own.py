# Finetune the encoder that configs/recipe/stgcn_own.py has pretrained, on
# the labelled part of your sequences (docs/own_data.md).
_base_ = [
    '../_base_/datasets/own.py',
    '../_base_/models/stgcn_small_recognizer.py',
    '../_base_/schedules/finetune_100e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/finetune/stgcn_own'

num_classes = 16  # of your labels; keypoints.py prints them
model = dict(
    backbone=dict(
        graph_cfg=dict(
            _delete_=True, layout=_base_.layout, mode='stgcn_spatial'
        )
    ),
    cls_head=dict(num_classes=num_classes),
)
# before training, a sample without a label, or with one out of range, is named
labels = dict(num_classes=num_classes, labelled=dict(fraction=1.0))
train_dataloader = dict(dataset=labels)
val_dataloader = dict(dataset=labels)
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=40)
optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[32], gamma=0.1)
]
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/recipe/stgcn_own',
        modality='joint',
    )
]
