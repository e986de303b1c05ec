# Pretraining: no labels are used, and validation holds out a part of the
# *training* split. The test split is only met by tools/test.py, which
# compares it with the whole training split.
_base_ = './ntu60_2d_xsub.py'

holdout = dict(fraction=0.1, seed=0, group='subject')
train_dataloader = dict(dataset=dict(holdout=dict(part='train', **holdout)))
val_dataloader = dict(
    dataset=dict(split='xsub_train', holdout=dict(part='holdout', **holdout))
)
test_cfg = dict(
    type='FeatureTestLoop',
    support_dataloader=dict(
        batch_size=64,
        num_workers=4,
        dataset=dict(
            type='SkeletonDataset',
            ann_file={{_base_.ann_file}},
            split='xsub_train',
            pipeline={{_base_.test_pipeline}},
            test_mode=True,
        ),
    ),
)
