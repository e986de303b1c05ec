# A quarter of the width: sized for two CPU cores.
_base_ = './aagcn_ranker.py'

model = dict(encoder=dict(base_channels=16), head=dict(in_channels=64))
