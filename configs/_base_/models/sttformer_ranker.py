# STTFormer instead of ST-GCN; everything else is the same.
_base_ = './stgcn_ranker.py'

model = dict(encoder=dict(_delete_=True, type='STTFormer', num_frames=120))
