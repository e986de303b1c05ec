# The paper's: SGD without a schedule, labels refreshed whenever the ranking
# loss of the held-out samples has become stable. `max_epochs` only bounds it.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=300, val_interval=1)
val_cfg = dict(type='ValLoop')

optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)
)
auto_scale_lr = dict(enable=False, base_batch_size=64)

val_evaluator = [dict(type='RankingMetric')]
test_evaluator = [dict(type='KNNMetric'), dict(type='LinearProbeMetric')]

custom_hooks = [
    dict(type='RankLabelHook', patience=3, min_delta=1e-3, max_cycles=10),
    dict(type='BankEvalHook'),
]
