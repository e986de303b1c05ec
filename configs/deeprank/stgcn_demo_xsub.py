# The same on the embedded demo data, for `make demo`.
_base_ = [
    '../_base_/datasets/demo_xsub_pretrain.py',
    '../_base_/models/stgcn_small_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/stgcn_demo_xsub'

train_cfg = dict(max_epochs=16)
custom_hooks = [
    dict(type='RankLabelHook', interval=4, max_cycles=4),
    dict(type='BankEvalHook'),
]
default_hooks = dict(checkpoint=dict(interval=4))
