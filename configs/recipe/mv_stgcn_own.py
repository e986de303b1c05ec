# The recipe with three modalities and three views: the joint encoder is
# MV-DeepRank's, all three are 3s-MV-DeepRank's.
_base_ = './stgcn_own.py'
work_dir = './work_dirs/recipe/mv_stgcn_own'

modalities = ['joint', 'bone', 'motion']
# The mean of three losses: the step of an encoder is as large as with one. At
# three times the rate a third of a loss moves vectors as fast as all of it.
model = dict(
    modalities=modalities,
    views=['self', 'other', 'all'],
    view_weights=dict(self=0.333, other=0.333, all=0.333),
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(heads=dict(lr_mult=3)))
)
train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[3].modalities = test_pipeline[2].modalities = modalities
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_cfg = dict(support_dataloader=val_dataloader)
