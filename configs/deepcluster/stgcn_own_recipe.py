# DeepCluster with a small ST-GCN on your own sequences (docs/own_data.md),
# joint: n = 32, and all of DeepRank's recipe but the ranking: its clips, its
# schedule, one cycle, and clusters of the distances between joints
# (docs/recipe.md).
_base_ = '../recipe/stgcn_own.py'
work_dir = './work_dirs/deepcluster/stgcn_own_recipe'

model = dict(
    _delete_=True,
    type='ClusterClassifier',
    encoder=_base_.model.encoder,
    head=dict(type='ClusterHead', in_channels=64, n_clusters=32),
    modalities=['joint'],
)
val_evaluator = [dict(type='ClusterMetric')]
custom_hooks = _base_.custom_hooks
custom_hooks[0].type = 'ClusterLabelHook'
