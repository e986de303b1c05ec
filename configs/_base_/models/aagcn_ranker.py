# AAGCN. With `gcn_attention=False` (in the recogniser, too) it is 2s-AGCN.
_base_ = './stgcn_ranker.py'

model = dict(
    encoder=dict(type='AAGCN', num_person=2, graph_cfg=dict(mode='spatial'))
)
