# Pretraining: no labels are used, and validation holds out a part of the
# split that is trained on. `val_split` is only met by tools/test.py, which
# compares it with the labelled sequences.
_base_ = './own.py'

# without subjects in your table: group=None, which holds out sequences
holdout = dict(fraction=0.1, seed=0, group='subject')
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        split={{_base_.train_split}},
        holdout=dict(part='train', **holdout),
    ),
)
val_dataloader = dict(
    dataset=dict(
        split={{_base_.train_split}},
        holdout=dict(part='holdout', **holdout),
    )
)
test_cfg = dict(
    type='FeatureTestLoop',
    support_dataloader=dict(
        batch_size=64,
        num_workers=0,
        dataset=dict(
            type='SkeletonDataset',
            ann_file={{_base_.ann_file}},
            split={{_base_.labelled_split}},
            pipeline={{_base_.test_pipeline}},
            test_mode=True,
        ),
    ),
)
