# UTD-MHAD, odd against even subjects (tools/data/utd_mhad.py).
# Kinect's 20 joints from the head down: edges run from child to parent.
layout = dict(
    num_node=20,
    inward=[
        (0, 1),
        (2, 1),
        (3, 2),
        (4, 1),
        (5, 4),
        (6, 5),
        (7, 6),
        (8, 1),
        (9, 8),
        (10, 9),
        (11, 10),
        (12, 3),
        (13, 12),
        (14, 13),
        (15, 14),
        (16, 3),
        (17, 16),
        (18, 17),
        (19, 18),
    ],
    center=1,
)
ann_file = 'data/skeleton/utd_mhad.pkl'

train_pipeline = [
    dict(type='CentreSkeleton', joint=2),
    dict(type='TemporalCropResize', length=32, crop=(0.5, 1.0), min_frames=16),
    dict(type='RandomRotation', theta=0.3),
    dict(type='GenerateModalities', layout=layout, modalities=['joint']),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='PackActionInputs', meta_keys=('sample_id',)),
]
test_pipeline = [
    dict(type='CentreSkeleton', joint=2),
    dict(type='TemporalCropResize', length=32, crop=0.95),
    dict(type='GenerateModalities', layout=layout, modalities=['joint']),
    dict(type='FormatGCNInput', num_person=1),
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
