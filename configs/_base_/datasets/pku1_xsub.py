# PKU-MMD I, cross-subject (tools/data/pku_mmd.py).
_base_ = './ntu60_xsub.py'

ann_file = 'data/skeleton/pku_mmd_1.pkl'
train_dataloader = dict(dataset=dict(ann_file=ann_file, split='xsub_train'))
val_dataloader = dict(dataset=dict(ann_file=ann_file, split='xsub_val'))
test_dataloader = val_dataloader
