# SkeletonCLR with a small ST-GCN on UTD-MHAD cross-subject, joint: a queue
# smaller than the training set, and keys that follow in few steps.
_base_ = '../deeprank/stgcn_utdmhad_xsub.py'
work_dir = './work_dirs/skeletonclr/stgcn_utdmhad_xsub'

model = dict(
    _delete_=True,
    type='SkeletonCLR',
    encoder=_base_.model.encoder,
    head=dict(type='ProjectionHead', in_channels=64),
    modalities=['joint'],
    queue_size=256,
    momentum=0.99,
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
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

# no labels to rank: kNN of the held-out samples says how it goes
val_cfg = dict(
    _delete_=True,
    type='FeatureValLoop',
    support_dataloader=dict(
        batch_size=64,
        num_workers=0,
        dataset=dict(
            _base_.train_dataloader.dataset,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)
val_evaluator = [dict(type='KNNMetric')]
custom_hooks = []

train_cfg = dict(val_interval=12)
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[100], gamma=0.1)
]
