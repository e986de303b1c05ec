# For comparison: the recipe with triplets of the batch in place of the bank.
# Two clips of each sample are ranked by their similarity, and the other clip
# of the anchor's own sample first (docs/recipe.md).
_base_ = './stgcn_nwucla_xview.py'
work_dir = './work_dirs/recipe/triplets_stgcn_nwucla_xview'

model = dict(
    head=dict(_delete_=True, type='CosineRankingHead', temperature=0.03),
    own_clip_weight=1.0,
)
train_pipeline = [
    _base_.train_pipeline[0],
    dict(
        type='AugmentClips',
        num_clips=2,
        transforms=_base_.train_pipeline[1:4],
    ),
    *_base_.train_pipeline[4:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

# 360 steps; in place of the recipe's number of them
train_cfg = dict(max_epochs=12)
default_hooks = dict(checkpoint=dict(interval=3))
