# The handwritten digits that scikit-learn ships: 1,797 images of 8 x 8
# pixels, nothing to download. Validation holds out a part of the *training*
# split; the test split is only met by tools/test.py.
dataset_type = 'ImageDataset'
source = dict(type='DigitsDataset')
test_pipeline = [
    dict(type='FormatImage'),
    dict(type='PackActionInputs', meta_keys=('sample_id',)),
]
train_pipeline = [dict(type='PadCrop', padding=1), *test_pipeline]

holdout = dict(fraction=0.1, seed=0)
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        source=source,
        split='train',
        holdout=dict(part='train', **holdout),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        source=source,
        split='train',
        holdout=dict(part='holdout', **holdout),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        source=source,
        split='test',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
# what the test split is compared with: the whole training split
test_cfg = dict(
    type='FeatureTestLoop',
    support_dataloader=dict(
        batch_size=64,
        num_workers=0,
        dataset=dict(
            type=dataset_type,
            source=source,
            split='train',
            pipeline=test_pipeline,
            test_mode=True,
        ),
    ),
)
