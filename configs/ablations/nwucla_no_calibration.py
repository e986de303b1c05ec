# The first labels from BatchNorm as initialised.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_no_calibration'

custom_hooks = [
    dict(type='RankLabelHook', interval=6, max_cycles=10, calibrate=False),
    dict(type='BankEvalHook'),
]
