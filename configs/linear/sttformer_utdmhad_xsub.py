# Linear evaluation of the pretrained joint encoder on UTD-MHAD cross-subject.
_base_ = [
    '../_base_/datasets/utdmhad_xsub.py',
    '../_base_/models/sttformer_small_recognizer.py',
    '../_base_/schedules/linear_100e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/linear/sttformer_utdmhad_xsub'

model = dict(
    type='FrozenRecognizerGCN',
    backbone=dict(num_joints=20),
    cls_head=dict(num_classes=27),
)
train_dataloader = dict(
    batch_size=128, dataset=dict(pipeline=_base_.test_pipeline)
)
optim_wrapper = dict(optimizer=dict(lr=0.1))
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/sttformer_utdmhad_xsub',
        modality='joint',
    )
]
