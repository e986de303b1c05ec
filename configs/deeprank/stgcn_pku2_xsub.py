# DeepRank with ST-GCN on PKU-MMD II cross-subject, joint.
_base_ = [
    '../_base_/datasets/pku2_xsub_pretrain.py',
    '../_base_/models/stgcn_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/stgcn_pku2_xsub'
