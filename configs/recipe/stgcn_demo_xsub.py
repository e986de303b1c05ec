# The recipe on the embedded demo data, for `make demo`: fewer blocks and fewer
# steps, so that it ends within minutes.
_base_ = '../deeprank/stgcn_demo_xsub.py'
work_dir = './work_dirs/recipe/stgcn_demo_xsub'

model = dict(head=dict(type='ListRankingHead'))
train_pipeline = _base_.train_pipeline
train_pipeline[1].crop = (0.8, 1.0)
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
train_cfg = dict(max_epochs=16, val_interval=8)
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=32)
custom_hooks = [
    dict(
        type='RankLabelHook',
        first_encoder=dict(type='JointDistances'),
        interval=1_000_000,  # epochs: one cycle, however long
        batch_size=64,
    ),
    dict(type='BankEvalHook'),
]
