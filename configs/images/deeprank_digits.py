# DeepRank with ResNet-18 on scikit-learn's digits: Table IX in minutes, on
# images that need no download. 5 cycles of fixed length.
_base_ = [
    '../_base_/datasets/digits_pretrain.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/images/deeprank_digits'

model = dict(
    type='MultiViewRanker',
    encoder=dict(type='SmallImageResNet', depth=18, in_channels=1),
    head=dict(type='TripletRankingHead', in_channels=512),
    modalities=['image'],
    # grey values of 0 to 16
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[4.9], std=[6.0]
    ),
)
# ST-GCN's 0.1 is too much for DeepCluster here, whose loss grew without bound
optim_wrapper = dict(optimizer=dict(lr=0.01))
train_cfg = dict(max_epochs=20)
custom_hooks = [
    dict(type='RankLabelHook', interval=4, max_cycles=5),
    dict(type='BankEvalHook'),
]
default_hooks = dict(checkpoint=dict(interval=20, max_keep_ckpts=1))
