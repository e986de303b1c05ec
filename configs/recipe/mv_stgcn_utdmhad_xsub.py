# The recipe with three modalities and three views: the joint encoder is
# MV-DeepRank's, all three are 3s-MV-DeepRank's.
_base_ = './stgcn_utdmhad_xsub.py'
work_dir = './work_dirs/recipe/mv_stgcn_utdmhad_xsub'

modalities = ['joint', 'bone', 'motion']
model = dict(modalities=modalities, views=['self', 'other', 'all'])
train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[3].modalities = test_pipeline[2].modalities = modalities
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_cfg = dict(support_dataloader=val_dataloader)
