# The same on the embedded demo data: fewer blocks, so that it ends within
# minutes.
_base_ = [
    '../_base_/datasets/demo_xsub_pretrain.py',
    '../_base_/models/stgcn_small_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/stgcn_demo_xsub'

model = dict(
    encoder=dict(num_stages=6, inflate_stages=[3, 5], down_stages=[3, 5])
)
train_cfg = dict(max_epochs=16, val_interval=4)
custom_hooks = [
    dict(type='RankLabelHook', interval=4, max_cycles=4),
    dict(type='BankEvalHook'),
]
default_hooks = dict(checkpoint=dict(interval=4))
