# What learns most on small data (docs/recipe.md).
# Clips are nearly whole and hardly turned. Each ranks the samples of the bank,
# by vectors that are learned: those first that are nearest by the distances
# between joints, which are the same from every side. One cycle, over which the
# learning rate falls to zero.
_base_ = '../deeprank/stgcn_utdmhad_xsub.py'
work_dir = './work_dirs/recipe/stgcn_utdmhad_xsub'

model = dict(head=dict(type='ListRankingHead'))
train_pipeline = _base_.train_pipeline
train_pipeline[1].crop = (0.8, 1.0)
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))

# On UTD-MHAD 108 epochs of 11 steps.
train_cfg = dict(
    _delete_=True,
    type='StepsTrainLoop',
    steps=1188,
    min_epochs=36,
    val_interval=9,
)
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
default_hooks = dict(checkpoint=dict(interval=27))
