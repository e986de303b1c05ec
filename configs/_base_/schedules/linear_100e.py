# The preset of the CrosSCLR and AimCLR family, for ST-GCN: 100 epochs, lr 3.0,
# x0.1 at epoch 80, batch 128, no weight decay, no augmentation (so configs
# train through the test pipeline). Others use lr 0.1.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(optimizer=dict(type='SGD', lr=3.0, momentum=0.9))
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[80], gamma=0.1)
]
auto_scale_lr = dict(enable=False, base_batch_size=128)

val_evaluator = [dict(type='AccMetric')]
test_evaluator = val_evaluator
