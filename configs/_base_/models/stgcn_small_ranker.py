# A sixteenth of ST-GCN's multiplications: sized for two CPU cores.
_base_ = './stgcn_ranker.py'

model = dict(encoder=dict(base_channels=16), head=dict(in_channels=64))
