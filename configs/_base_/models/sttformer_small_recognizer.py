_base_ = './sttformer_recognizer.py'

model = dict(
    backbone=dict(
        num_frames=32,
        len_parts=4,
        config=[[16, 16, 8], [16, 32, 8], [32, 64, 16]],
    ),
    cls_head=dict(in_channels=64),
)
