# DeepCluster with ST-GCN on NTU60 cross-subject, joint: the paper's baseline,
# n = 256. All else is DeepRank's run: labels and head alone differ.
_base_ = '../deeprank/stgcn_ntu60_xsub.py'
work_dir = './work_dirs/deepcluster/stgcn_ntu60_xsub'

model = dict(
    _delete_=True,
    type='ClusterClassifier',
    encoder=_base_.model.encoder,
    head=dict(type='ClusterHead', in_channels=256, n_clusters=256),
    modalities=['joint'],
)
val_evaluator = [dict(type='ClusterMetric')]
custom_hooks = [
    dict(type='ClusterLabelHook', patience=3, min_delta=1e-3, max_cycles=10),
    dict(type='BankEvalHook'),
]
