_base_ = './stgcn_recognizer.py'

model = dict(
    backbone=dict(type='AAGCN', num_person=2, graph_cfg=dict(mode='spatial'))
)
