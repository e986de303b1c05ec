# Linear evaluation of the pretrained joint encoder on NTU120 cross-setup.
_base_ = [
    '../_base_/datasets/ntu120_xset.py',
    '../_base_/models/stgcn_recognizer.py',
    '../_base_/schedules/linear_100e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/linear/stgcn_ntu120_xset'

model = dict(type='FrozenRecognizerGCN', cls_head=dict(num_classes=120))
train_dataloader = dict(
    batch_size=128, dataset=dict(pipeline=_base_.test_pipeline)
)
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/stgcn_ntu120_xset',
        modality='joint',
    )
]
