# Finetune the pretrained ResNet-18 on CIFAR-100, which is what Table IX
# reports: 100 epochs, lr 0.1, x0.1 at epochs 50 and 75. The classifier, its
# preprocessing and its metric are mmpretrain's.
_base_ = [
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/finetune_100e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/images/finetune_cifar100'
custom_imports = dict(
    imports=['deeprank_mm', 'mmpretrain'], allow_failed_imports=False
)

model = dict(
    type='mmpretrain.ImageClassifier',
    backbone=dict(type='mmpretrain.ResNet_CIFAR', depth=18),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    head=dict(
        type='mmpretrain.LinearClsHead',
        num_classes=100,
        in_channels=512,
        loss=dict(type='mmpretrain.CrossEntropyLoss'),
    ),
    data_preprocessor=dict(
        type='mmpretrain.ClsDataPreprocessor',
        mean=[129.304, 124.070, 112.434],
        std=[68.170, 65.392, 70.418],
        num_classes=100,
    ),
)
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[50, 75], gamma=0.1)
]
val_evaluator = [dict(type='mmpretrain.Accuracy', topk=(1,))]
test_evaluator = val_evaluator

custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/images/deeprank_cifar100',
        modality='image',
    )
]
