# Table II: the ViT head, on 4096 of the 249,984 triplets of a batch.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_head_vit'

model = dict(head=dict(type='ViTRankingHead', num_triplets=4096))
