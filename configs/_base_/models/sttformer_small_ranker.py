# Three blocks at a quarter of the width: sized for two CPU cores.
_base_ = './sttformer_ranker.py'

model = dict(
    encoder=dict(
        num_frames=32,
        len_parts=4,
        config=[[16, 16, 8], [16, 32, 8], [32, 64, 16]],
    ),
    head=dict(in_channels=64),
)
