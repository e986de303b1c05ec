_base_ = ['./sttformer_recognizer.py', './sttformer_small.py']

model = dict(backbone=_base_.small_sttformer, cls_head=dict(in_channels=64))
