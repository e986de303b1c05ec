# NW-UCLA, views 1 and 2 against view 3 (tools/data/nw_ucla.py).
# Kinect's 20 joints: edges run from the child to its parent.
layout = dict(
    num_node=20,
    inward=[
        (0, 1),
        (1, 2),
        (3, 2),
        (4, 2),
        (5, 4),
        (6, 5),
        (7, 6),
        (8, 2),
        (9, 8),
        (10, 9),
        (11, 10),
        (12, 0),
        (13, 12),
        (14, 13),
        (15, 14),
        (16, 0),
        (17, 16),
        (18, 17),
        (19, 18),
    ],
    center=2,
)
ann_file = 'data/skeleton/nw_ucla.pkl'

train_pipeline = [
    dict(type='CentreSkeleton', joint=1),
    dict(type='TemporalCropResize', length=32, crop=(0.5, 1.0), min_frames=16),
    dict(type='RandomRotation', theta=0.3),
    dict(type='GenerateModalities', layout=layout, modalities=['joint']),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='PackActionInputs', meta_keys=('sample_id',)),
]
test_pipeline = [
    dict(type='CentreSkeleton', joint=1),
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
        split='xview_train',
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
        split='xview_val',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
