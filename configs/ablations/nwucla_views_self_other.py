# Table III: labels of the views self and other.
_base_ = '../mv_deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_views_self_other'

model = dict(views=['self', 'other'])
