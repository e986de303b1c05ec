# DeepCluster with a small ST-GCN on UTD-MHAD cross-subject, joint: n = 32.
# All else is DeepRank's run: labels and head alone differ.
_base_ = '../deeprank/stgcn_utdmhad_xsub.py'
work_dir = './work_dirs/deepcluster/stgcn_utdmhad_xsub'

model = dict(
    _delete_=True,
    type='ClusterClassifier',
    encoder=_base_.model.encoder,
    head=dict(type='ClusterHead', in_channels=64, n_clusters=32),
    modalities=['joint'],
)
val_evaluator = [dict(type='ClusterMetric')]
custom_hooks = [
    dict(type='ClusterLabelHook', interval=12, max_cycles=10),
    dict(type='BankEvalHook'),
]
