# A ReLU in the paper's head, so that it sees the anchor.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_head_relu'

model = dict(head=dict(act='ReLU'))
