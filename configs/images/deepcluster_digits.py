# DeepCluster with ResNet-18 on scikit-learn's digits: n = 16.
# All else is DeepRank's run: labels and head alone differ.
_base_ = './deeprank_digits.py'
work_dir = './work_dirs/images/deepcluster_digits'

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
    dict(type='ClusterLabelHook', interval=4, max_cycles=5),
    dict(type='BankEvalHook'),
]
