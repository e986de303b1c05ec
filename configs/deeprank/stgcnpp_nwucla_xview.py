# DeepRank with a small ST-GCN++ on NW-UCLA cross-view, joint:
# real skeletons in minutes, 10 cycles of fixed length.
_base_ = [
    '../_base_/datasets/nwucla_xview_pretrain.py',
    '../_base_/models/stgcnpp_small_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/stgcnpp_nwucla_xview'

model = dict(
    encoder=dict(
        graph_cfg=dict(_delete_=True, layout=_base_.layout, mode='spatial')
    )
)
train_cfg = dict(max_epochs=60)
custom_hooks = [
    dict(type='RankLabelHook', interval=6, max_cycles=10),
    dict(type='BankEvalHook'),
]
default_hooks = dict(checkpoint=dict(interval=6))
