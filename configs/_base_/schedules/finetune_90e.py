# STTFormer's: 90 epochs, the first 5 to warm up, lr 0.1, x0.1 at 60 and 80;
# what the paper leaves to the backbone's own, weight decay 4e-4, follows it.
_base_ = './finetune_100e.py'

train_cfg = dict(max_epochs=90)
optim_wrapper = dict(optimizer=dict(weight_decay=4e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', by_epoch=True, milestones=[60, 80], gamma=0.1),
]
