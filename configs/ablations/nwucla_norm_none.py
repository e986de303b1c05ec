# Table I: no normalisation of features before distances.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_norm_none'

model = dict(normalization='none')
