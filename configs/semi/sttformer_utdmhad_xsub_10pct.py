# Finetune on 10 % of the labels, a class-stratified subset named by its seed.
_base_ = '../finetune/sttformer_utdmhad_xsub.py'
work_dir = './work_dirs/semi/sttformer_utdmhad_xsub_10pct'

train_dataloader = dict(
    batch_size=16, dataset=dict(labelled=dict(fraction=0.1, seed=0))
)
train_cfg = dict(max_epochs=100, val_interval=20)
optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[80], gamma=0.1)
]
default_hooks = dict(checkpoint=dict(interval=100))
