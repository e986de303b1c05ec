# DeepRank with ST-GCN++ on NTU60 cross-subject, joint.
_base_ = [
    '../_base_/datasets/ntu60_xsub_pretrain.py',
    '../_base_/models/stgcnpp_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/stgcnpp_ntu60_xsub'
