_base_ = './stgcnpp_recognizer.py'

model = dict(backbone=dict(base_channels=16), cls_head=dict(in_channels=64))
