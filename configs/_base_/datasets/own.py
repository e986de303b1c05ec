# Your own data, as tools/data/keypoints.py makes it. Change what is above the
# line (in a project of your own: in a copy, beside copies of own_pretrain.py
# and of the configs that name them).
layout = 'nturgb+d'  # or 'coco', 'openpose', dict(num_node=, inward=, center=)
centre = 1  # the joint that is moved to the origin: the spine, the hips
dims = None  # channels that are coordinates: 2 of (x, y, score), or all
score_channel = False  # True if the scores are a channel of `keypoint` itself
num_person = 1  # the most people in a sequence
length = 32  # frames a clip is resized to
min_frames = 16  # the shortest crop, if the sequence is as long
ann_file = 'data/skeleton/own.pkl'
train_split, labelled_split, val_split = 'train', 'labelled', 'val'
# ---------------------------------------------------------------------------

train_pipeline = [
    dict(type='CentreSkeleton', joint=centre, score_channel=score_channel),
    dict(
        type='TemporalCropResize',
        length=length,
        crop=(0.5, 1.0),
        min_frames=min_frames,
    ),
    dict(type='RandomRotation', theta=0.3, score_channel=score_channel),
    dict(type='GenerateModalities', layout=layout, modalities=['joint']),
    dict(type='FormatGCNInput', num_person=num_person),
    dict(type='PackActionInputs', meta_keys=('sample_id',)),
]
test_pipeline = [
    dict(type='CentreSkeleton', joint=centre, score_channel=score_channel),
    dict(type='TemporalCropResize', length=length, crop=0.95),
    dict(type='GenerateModalities', layout=layout, modalities=['joint']),
    dict(type='FormatGCNInput', num_person=num_person),
    dict(type='PackActionInputs', meta_keys=('sample_id',)),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='SkeletonDataset',
        ann_file=ann_file,
        split=labelled_split,
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
        split=val_split,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
