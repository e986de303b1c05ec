# UTD-MHAD, odd against even subjects (tools/data/utd_mhad.py).
# Kinect's 20 joints from the head down: edges run from child to parent.
_base_ = './nwucla_xview.py'

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

train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[0].joint = test_pipeline[0].joint = 2
train_pipeline[3].layout = test_pipeline[2].layout = layout

train_dataloader = dict(
    dataset=dict(
        ann_file=ann_file, split='xsub_train', pipeline=train_pipeline
    )
)
val_dataloader = dict(
    dataset=dict(ann_file=ann_file, split='xsub_val', pipeline=test_pipeline)
)
test_dataloader = val_dataloader
