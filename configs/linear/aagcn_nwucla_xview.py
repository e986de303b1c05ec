# Linear evaluation of the pretrained joint encoder on NW-UCLA cross-view.
_base_ = [
    '../_base_/datasets/nwucla_xview.py',
    '../_base_/models/aagcn_small_recognizer.py',
    '../_base_/schedules/linear_100e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/linear/aagcn_nwucla_xview'

model = dict(
    type='FrozenRecognizerGCN',
    backbone=dict(
        num_person=1,
        graph_cfg=dict(_delete_=True, layout=_base_.layout, mode='spatial'),
    ),
    cls_head=dict(num_classes=10),
)
train_dataloader = dict(
    batch_size=128, dataset=dict(pipeline=_base_.test_pipeline)
)
# the preset's 3.0 does not converge on features of so small a network
optim_wrapper = dict(optimizer=dict(lr=0.3))
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/aagcn_nwucla_xview',
        modality='joint',
    )
]
