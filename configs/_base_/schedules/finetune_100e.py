# The paper's for ST-GCN: 100 epochs, lr 0.1, x0.1 at epoch 80.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    optimizer=dict(
        type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True
    )
)
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[80], gamma=0.1)
]
auto_scale_lr = dict(enable=False, base_batch_size=64)

val_evaluator = [dict(type='AccMetric')]
test_evaluator = val_evaluator
