# Table II: the MLP head, on 4096 of the 249,984 triplets of a batch.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_head_mlp'

model = dict(head=dict(type='MLPRankingHead', num_triplets=4096))
