_base_ = './stgcn_recognizer.py'

model = dict(
    backbone=dict(
        gcn_adaptive='init',
        gcn_with_res=True,
        tcn_type='mstcn',
        graph_cfg=dict(mode='spatial'),
    )
)
