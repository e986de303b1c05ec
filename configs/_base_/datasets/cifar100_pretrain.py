# Pretraining: no labels are used, and validation holds out a part of the
# *training* split. The test split is only met by tools/test.py, which
# compares it with the whole training split.
_base_ = './cifar100.py'

holdout = dict(fraction=0.1, seed=0)
train_dataloader = dict(dataset=dict(holdout=dict(part='train', **holdout)))
val_dataloader = dict(
    dataset=dict(split='train', holdout=dict(part='holdout', **holdout))
)
test_cfg = dict(
    type='FeatureTestLoop',
    support_dataloader=dict(
        batch_size=64,
        num_workers=2,
        dataset=dict(
            type='ImageDataset',
            source={{_base_.source}},
            split='train',
            pipeline={{_base_.test_pipeline}},
            test_mode=True,
        ),
    ),
)
