# DeepRank with ST-GCN on NTU120 cross-setup, joint.
_base_ = [
    '../_base_/datasets/ntu120_xset_pretrain.py',
    '../_base_/models/stgcn_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/stgcn_ntu120_xset'
