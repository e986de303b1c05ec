# Temporal convolutions that start as in the field's ST-GCN code, N(0, 0.02),
# in place of MMAction2's Kaiming: see docs/tried.md for what it changes.
_base_ = '../deeprank/stgcn_nwucla_xview.py'
work_dir = './work_dirs/ablations/nwucla_init_normal'

model = dict(
    encoder=dict(tcn_init_cfg=dict(type='Normal', layer='Conv2d', std=0.02))
)
