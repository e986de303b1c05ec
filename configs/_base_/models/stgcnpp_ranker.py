# ST-GCN++: ST-GCN with a learnt graph and temporal branches of several sizes,
# as in MMAction2's configs.
_base_ = './stgcn_ranker.py'

model = dict(
    encoder=dict(
        gcn_adaptive='init',
        gcn_with_res=True,
        tcn_type='mstcn',
        graph_cfg=dict(mode='spatial'),
    )
)
