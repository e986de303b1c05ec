# DeepRank with ST-GCN on PKU-MMD I cross-subject, joint.
_base_ = [
    '../_base_/datasets/pku1_xsub_pretrain.py',
    '../_base_/models/stgcn_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/stgcn_pku1_xsub'
