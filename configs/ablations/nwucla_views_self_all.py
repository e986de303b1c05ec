# Table III: labels of the views self and all.
_base_ = '../mv_deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_views_self_all'

model = dict(views=['self', 'all'])
