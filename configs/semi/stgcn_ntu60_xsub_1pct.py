# Finetune on 1 % of the labels of NTU60 cross-subject,
# a class-stratified subset named by its seed.
# The paper's figure is the mean of five subsets:
# --cfg-options train_dataloader.dataset.labelled.seed=1 --work-dir ..., and
# so on.
_base_ = '../finetune/stgcn_ntu60_xsub.py'
work_dir = './work_dirs/semi/stgcn_ntu60_xsub_1pct'

train_dataloader = dict(dataset=dict(labelled=dict(fraction=0.01, seed=0)))
