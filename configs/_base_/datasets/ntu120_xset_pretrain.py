_base_ = './ntu60_xsub_pretrain.py'

ann_file = 'data/skeleton/ntu120_3d.pkl'
train = dict(ann_file=ann_file, split='xset_train')
test = dict(ann_file=ann_file, split='xset_val')
train_dataloader = dict(dataset=dict(**train))
val_dataloader = dict(dataset=dict(**train))
test_dataloader = dict(dataset=test)
test_cfg = dict(support_dataloader=dict(dataset=train))
