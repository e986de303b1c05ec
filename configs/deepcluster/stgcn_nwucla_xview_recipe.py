# DeepCluster with a small ST-GCN on NW-UCLA cross-view, joint: n = 32, and
# all of DeepRank's recipe but the ranking: its clips, its schedule, one cycle,
# and clusters of the distances between joints (docs/recipe.md).
_base_ = '../recipe/stgcn_nwucla_xview.py'
work_dir = './work_dirs/deepcluster/stgcn_nwucla_xview_recipe'

model = dict(
    _delete_=True,
    type='ClusterClassifier',
    encoder=_base_.model.encoder,
    head=dict(type='ClusterHead', in_channels=64, n_clusters=32),
    modalities=['joint'],
)
val_evaluator = [dict(type='ClusterMetric')]
custom_hooks = [
    dict(
        type='ClusterLabelHook',
        first_encoder=dict(type='JointDistances'),
        interval=1000,
        max_cycles=1,
        batch_size=64,
    ),
    dict(type='BankEvalHook'),
]
