# NTU RGB+D 60, cross-subject, 2D keypoints with scores, from MMAction2's
# annotation file. The score joins as a third channel in GenerateModalities,
# after everything that moves coordinates.
layout = 'coco'
ann_file = 'data/skeleton/ntu60_2d.pkl'

train_pipeline = [
    dict(type='PreNormalize2D'),
    dict(
        type='TemporalCropResize', length=120, crop=(0.5, 1.0), min_frames=64
    ),
    dict(type='RandomRotation', theta=0.3),
    dict(type='GenerateModalities', layout=layout, modalities=['joint']),
    dict(type='FormatGCNInput', num_person=2),
    dict(type='PackActionInputs', meta_keys=('sample_id',)),
]
test_pipeline = [
    dict(type='PreNormalize2D'),
    dict(type='TemporalCropResize', length=120, crop=0.95),
    dict(type='GenerateModalities', layout=layout, modalities=['joint']),
    dict(type='FormatGCNInput', num_person=2),
    dict(type='PackActionInputs', meta_keys=('sample_id',)),
]

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
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
    num_workers=4,
    persistent_workers=True,
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
