# New labels when the held-out loss is stable, as in the paper.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_refresh_plateau'

custom_hooks = [
    dict(type='RankLabelHook', patience=3, min_delta=1e-3, max_cycles=10),
    dict(type='BankEvalHook'),
]
