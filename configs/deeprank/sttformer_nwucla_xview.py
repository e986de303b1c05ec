# DeepRank with a small STTFormer on NW-UCLA cross-view, joint:
# real skeletons in minutes, 10 cycles of fixed length.
_base_ = [
    '../_base_/datasets/nwucla_xview_pretrain.py',
    '../_base_/models/sttformer_small_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/sttformer_nwucla_xview'

model = dict(encoder=dict(num_joints=20))
# lr 0.1, and not the paper's 0.01 for the large encoder, with which so small
# a one has hardly moved after these few steps
train_cfg = dict(max_epochs=30)
custom_hooks = [
    dict(type='RankLabelHook', interval=3, max_cycles=10),
    dict(type='BankEvalHook'),
]
default_hooks = dict(checkpoint=dict(interval=3))
