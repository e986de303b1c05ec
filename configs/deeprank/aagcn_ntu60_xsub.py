# DeepRank with AAGCN on NTU60 cross-subject, joint.
_base_ = [
    '../_base_/datasets/ntu60_xsub_pretrain.py',
    '../_base_/models/aagcn_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/aagcn_ntu60_xsub'
