# DeepRank with ST-GCN on NTU60 cross-view, joint.
_base_ = [
    '../_base_/datasets/ntu60_xview_pretrain.py',
    '../_base_/models/stgcn_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/stgcn_ntu60_xview'
