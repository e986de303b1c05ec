# DeepCluster with ResNet-18 on CIFAR-100: the paper's best baseline of
# Table IX, n = 16; the others by
#   --cfg-options model.head.n_clusters=32   (64, 128, 256, 512)
# All else is DeepRank's run: labels and head alone differ.
_base_ = './deeprank_cifar100.py'
work_dir = './work_dirs/images/deepcluster_cifar100'

model = dict(
    _delete_=True,
    type='ClusterClassifier',
    encoder=_base_.model.encoder,
    head=dict(type='ClusterHead', in_channels=512, n_clusters=16),
    modalities=['image'],
    data_preprocessor=_base_.model.data_preprocessor,
)
val_evaluator = [dict(type='ClusterMetric')]
custom_hooks = [
    dict(type='ClusterLabelHook', patience=3, min_delta=1e-3, max_cycles=10),
    dict(type='BankEvalHook'),
]
