# Finetune on 10 % of the labels of NTU60 cross-view,
# a class-stratified subset named by its seed.
_base_ = '../finetune/stgcn_ntu60_xview.py'
work_dir = './work_dirs/semi/stgcn_ntu60_xview_10pct'

train_dataloader = dict(dataset=dict(labelled=dict(fraction=0.1, seed=0)))
