_base_ = './stgcn_recognizer.py'

model = dict(backbone=dict(_delete_=True, type='STTFormer', num_frames=120))
