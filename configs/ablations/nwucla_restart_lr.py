# Each cycle is a run of its own: the learning rate decays within it and
# starts anew with the labels, and momentum is forgotten.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_restart_lr'

param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[4], gamma=0.1)
]
custom_hooks = [
    dict(
        type='RankLabelHook',
        interval=6,
        max_cycles=10,
        restart_lr=True,
        reset_momentum=True,
    ),
    dict(type='BankEvalHook'),
]
