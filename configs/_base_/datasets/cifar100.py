# CIFAR-100, read (and downloaded on first use) by mmpretrain.
dataset_type = 'ImageDataset'
source = dict(type='mmpretrain.CIFAR100', data_root='data/cifar100')
test_pipeline = [dict(type='mmpretrain.PackInputs', meta_keys=('sample_id',))]
train_pipeline = [
    dict(type='PadCrop', padding=4),
    dict(type='RandomFlip', prob=0.5),
    *test_pipeline,
]

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        source=source,
        split='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        source=source,
        split='test',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
