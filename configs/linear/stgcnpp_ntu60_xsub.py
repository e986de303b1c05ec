# Linear evaluation of the pretrained joint encoder on NTU60 cross-subject.
_base_ = [
    '../_base_/datasets/ntu60_xsub.py',
    '../_base_/models/stgcnpp_recognizer.py',
    '../_base_/schedules/linear_100e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/linear/stgcnpp_ntu60_xsub'

model = dict(type='FrozenRecognizerGCN')
train_dataloader = dict(
    batch_size=128, dataset=dict(pipeline=_base_.test_pipeline)
)
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/stgcnpp_ntu60_xsub',
        modality='joint',
    )
]
