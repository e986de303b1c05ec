# 3s-DeepRank on NW-UCLA cross-view in one run:
# three streams, each labelled by its own modality alone.
_base_ = '../mv_deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/3s_deeprank/stgcn_nwucla_xview'

model = dict(views=['self'])
