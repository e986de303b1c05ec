# DeepRank with ST-GCN on NTU60 cross-subject in 2D (COCO-17 with scores),
# joint.
_base_ = [
    '../_base_/datasets/ntu60_2d_xsub_pretrain.py',
    '../_base_/models/stgcn_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/stgcn_coco2d_ntu60_xsub'

model = dict(encoder=dict(graph_cfg=dict(layout=_base_.layout)))
