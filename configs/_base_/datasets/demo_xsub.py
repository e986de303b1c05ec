# The embedded demo data (tools/data/demo.py): synthetic, NTU's 25 joints.
layout = 'nturgb+d'
ann_file = 'data/skeleton/demo.pkl'

train_pipeline = [
    dict(type='CentreSkeleton', joint=1),
    dict(type='TemporalCropResize', length=32, crop=(0.5, 1.0), min_frames=16),
    dict(type='RandomRotation', theta=0.3),
    dict(type='GenerateModalities', layout=layout, modalities=['joint']),
    dict(type='FormatGCNInput', num_person=2),
    dict(type='PackActionInputs', meta_keys=('sample_id',)),
]
test_pipeline = [
    dict(type='CentreSkeleton', joint=1),
    dict(type='TemporalCropResize', length=32, crop=0.95),
    dict(type='GenerateModalities', layout=layout, modalities=['joint']),
    dict(type='FormatGCNInput', num_person=2),
    dict(type='PackActionInputs', meta_keys=('sample_id',)),
]

train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='SkeletonDataset',
        ann_file=ann_file,
        split='xsub_train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SkeletonDataset',
        ann_file=ann_file,
        split='xsub_val',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
