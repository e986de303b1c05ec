# SkeletonCLR with ST-GCN on NTU60 cross-subject, joint: MoCo's queue and
# momentum, and the schedule of the field.
_base_ = '../deeprank/stgcn_ntu60_xsub.py'
work_dir = './work_dirs/skeletonclr/stgcn_ntu60_xsub'

model = dict(
    _delete_=True,
    type='SkeletonCLR',
    encoder=_base_.model.encoder,
    head=dict(type='ProjectionHead', in_channels=256),
    modalities=['joint'],
    queue_size=32768,
    momentum=0.999,
    temperature=0.07,
)

# the field's augmentations, shear and temporal crop, drawn for each clip
train_pipeline = [
    _base_.train_pipeline[0],
    dict(
        type='AugmentClips',
        num_clips=2,
        transforms=[
            dict(type='Shear', amplitude=0.5),
            _base_.train_pipeline[1],
            _base_.train_pipeline[3],
        ],
    ),
    *_base_.train_pipeline[4:],
]
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=train_pipeline))

# no labels to rank: kNN of the held-out samples says how it goes
val_cfg = dict(
    _delete_=True,
    type='FeatureValLoop',
    support_dataloader=dict(
        batch_size=64,
        num_workers=4,
        dataset=dict(
            _base_.train_dataloader.dataset,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)
val_evaluator = [dict(type='KNNMetric')]
custom_hooks = []

auto_scale_lr = dict(base_batch_size=128)
train_cfg = dict(max_epochs=300, val_interval=10)
default_hooks = dict(checkpoint=dict(interval=10))
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[250], gamma=0.1)
]
