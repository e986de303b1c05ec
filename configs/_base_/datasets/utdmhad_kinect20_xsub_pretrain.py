# UTD-MHAD with its joints in NW-UCLA's order, so that what is pretrained here
# can be used there.
_base_ = './nwucla_xview_pretrain.py'

ann_file = 'data/skeleton/utd_mhad.pkl'
map_joints = dict(type='MapJoints', source='utd_mhad', target='kinect20')
train_pipeline = [map_joints, *_base_.train_pipeline]
test_pipeline = [map_joints, *_base_.test_pipeline]

train = dict(ann_file=ann_file, split='xsub_train')
holdout = dict(fraction=0.25)
train_dataloader = dict(
    dataset=dict(holdout=holdout, pipeline=train_pipeline, **train)
)
val_dataloader = dict(
    dataset=dict(holdout=holdout, pipeline=test_pipeline, **train)
)
test_dataloader = dict(
    dataset=dict(ann_file=ann_file, split='xsub_val', pipeline=test_pipeline)
)
test_cfg = dict(
    support_dataloader=dict(dataset=dict(pipeline=test_pipeline, **train))
)
