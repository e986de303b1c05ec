# The labels of the untrained encoder, for good.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_refresh_never'

custom_hooks = [
    dict(type='RankLabelHook', interval=60, max_cycles=1),
    dict(type='BankEvalHook'),
]
