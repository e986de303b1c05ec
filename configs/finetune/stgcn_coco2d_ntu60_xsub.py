# Finetune the pretrained joint encoder on NTU60 cross-subject in 2D
# (COCO-17 with scores).
_base_ = [
    '../_base_/datasets/ntu60_2d_xsub.py',
    '../_base_/models/stgcn_recognizer.py',
    '../_base_/schedules/finetune_100e.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/finetune/stgcn_coco2d_ntu60_xsub'

model = dict(backbone=dict(graph_cfg=dict(layout=_base_.layout)))
custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/stgcn_coco2d_ntu60_xsub',
        modality='joint',
    )
]
