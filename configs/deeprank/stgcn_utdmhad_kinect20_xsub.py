# DeepRank with a small ST-GCN on UTD-MHAD cross-subject, joint, in NW-UCLA's
# joint order: what configs/transfer/stgcn_utdmhad_to_nwucla_xview.py starts
# from.
_base_ = [
    '../_base_/datasets/utdmhad_kinect20_xsub_pretrain.py',
    '../_base_/models/stgcn_small_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/stgcn_utdmhad_kinect20_xsub'

model = dict(
    encoder=dict(
        graph_cfg=dict(
            _delete_=True, layout=_base_.layout, mode='stgcn_spatial'
        )
    )
)
train_cfg = dict(max_epochs=120)
custom_hooks = [
    dict(type='RankLabelHook', interval=12, max_cycles=10),
    dict(type='BankEvalHook'),
]
default_hooks = dict(checkpoint=dict(interval=12))
