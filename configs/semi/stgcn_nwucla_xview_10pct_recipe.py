# Finetune the recipe's encoder on 10 % of the labels, on clips as it was
# pretrained on: seen from the front only, it forgets what it has learnt of
# other sides.
_base_ = './stgcn_nwucla_xview_10pct.py'
work_dir = './work_dirs/semi/stgcn_nwucla_xview_10pct_recipe'

turn = dict(type='RandomRotation', theta=(0.0, 3.14, 0.0))
train_pipeline = [
    _base_.train_pipeline[0],
    dict(
        type='RandomApply',
        prob=0.5,
        transforms=[dict(type='Shear', amplitude=0.5)],
    ),
    *_base_.train_pipeline[1:3],
    dict(type='RandomApply', prob=0.5, transforms=[turn]),
    *_base_.train_pipeline[3:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/recipe/stgcn_nwucla_xview',
        modality='joint',
    )
]
