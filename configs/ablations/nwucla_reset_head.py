# The head starts anew with the labels.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_reset_head'

custom_hooks = [
    dict(type='RankLabelHook', interval=6, max_cycles=10, reset_head=True),
    dict(type='BankEvalHook'),
]
