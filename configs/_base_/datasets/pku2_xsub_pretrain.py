_base_ = './ntu60_xsub_pretrain.py'

ann_file = 'data/skeleton/pku_mmd_2.pkl'
train = dict(ann_file=ann_file, split='xsub_train')
test = dict(ann_file=ann_file, split='xsub_val')
holdout = dict(group='recording')
train_dataloader = dict(dataset=dict(holdout=holdout, **train))
val_dataloader = dict(dataset=dict(holdout=holdout, **train))
test_dataloader = dict(dataset=test)
test_cfg = dict(support_dataloader=dict(dataset=train))
