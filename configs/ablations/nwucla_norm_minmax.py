# Table I: min-max normalisation of features before distances.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_norm_minmax'

model = dict(normalization='minmax')
