# DeepRank with ResNet-18 on CIFAR-100: the paper's run of Table IX, with its
# schedule for ST-GCN. Needs mmpretrain: pip install -e '.[lite,images]'.
_base_ = [
    '../_base_/datasets/cifar100_pretrain.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/images/deeprank_cifar100'
custom_imports = dict(
    imports=['deeprank_mm', 'mmpretrain'], allow_failed_imports=False
)

model = dict(
    type='MultiViewRanker',
    encoder=dict(type='mmpretrain.ResNet_CIFAR', depth=18),
    head=dict(type='TripletRankingHead', in_channels=512),
    modalities=['image'],
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[129.304, 124.070, 112.434],
        std=[68.170, 65.392, 70.418],
    ),
)
