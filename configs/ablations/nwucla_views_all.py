# Table III: labels of the view all.
_base_ = '../mv_deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_views_all'

model = dict(views=['all'])
