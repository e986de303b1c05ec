_base_ = ['./sttformer_ranker.py', './sttformer_small.py']

model = dict(encoder=_base_.small_sttformer, head=dict(in_channels=64))
