# The recipe (docs/recipe.md), on your own sequences (docs/own_data.md).
# Two clips of each sample, nearly whole and hardly turned, are ranked by their
# similarity: by labels from the distances between joints, which are the same
# from every side, and the other clip of the anchor's own sample first. One
# cycle, over which the learning rate falls to zero.
_base_ = '../deeprank/stgcn_own.py'
work_dir = './work_dirs/recipe/stgcn_own'

model = dict(
    head=dict(_delete_=True, type='CosineRankingHead', temperature=0.03),
    own_clip_weight=1.0,
)
crop = dict(_base_.train_pipeline[1], crop=(0.8, 1.0))
train_pipeline = [
    _base_.train_pipeline[0],
    dict(
        type='AugmentClips',
        num_clips=2,
        transforms=[crop, *_base_.train_pipeline[2:4]],
    ),
    *_base_.train_pipeline[4:],
]
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))

# A thousand steps for 320 sequences: fewer epochs do for thousands.
train_cfg = dict(max_epochs=100)
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=32)
custom_hooks = [
    dict(
        type='RankLabelHook',
        first_encoder=dict(type='JointDistances', dims=_base_.dims),
        interval=1000,
        max_cycles=1,
        batch_size=64,
    ),
    dict(type='BankEvalHook'),
]
default_hooks = dict(checkpoint=dict(interval=20))
