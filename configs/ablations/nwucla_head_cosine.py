# Not of the paper: the ranking by cosine similarities, without weights.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_head_cosine'

model = dict(head=dict(_delete_=True, type='CosineRankingHead'))
