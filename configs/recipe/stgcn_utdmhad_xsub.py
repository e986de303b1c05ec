# What learns most on small data (docs/recipe.md): clips are sheared and turn
# freely about the vertical axis; two clips of each sample are ranked, by the
# distances that the labels are made of, and the other clip of the anchor's own
# sample first; one cycle, over which the learning rate falls to zero.
_base_ = '../deeprank/stgcn_utdmhad_xsub.py'
work_dir = './work_dirs/recipe/stgcn_utdmhad_xsub'

model = dict(
    head=dict(_delete_=True, type='CosineRankingHead'), own_clip_weight=1.0
)
train_pipeline = [
    _base_.train_pipeline[0],
    dict(
        type='AugmentClips',
        num_clips=2,
        transforms=[
            dict(type='Shear', amplitude=0.5),
            _base_.train_pipeline[1],
            dict(type='RandomRotation', theta=(0.3, 3.14, 0.3)),
            _base_.train_pipeline[3],
        ],
    ),
    *_base_.train_pipeline[4:],
]
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))

# 350 to 400 steps; labels are made once, by the untrained encoder
train_cfg = dict(max_epochs=36)
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=32)
custom_hooks = [
    dict(type='RankLabelHook', interval=1000, max_cycles=1, batch_size=64),
    dict(type='BankEvalHook'),
]
default_hooks = dict(checkpoint=dict(interval=9))
