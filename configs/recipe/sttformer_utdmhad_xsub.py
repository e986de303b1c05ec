# The recipe with a small STTFormer.
_base_ = './stgcn_utdmhad_xsub.py'
work_dir = './work_dirs/recipe/sttformer_utdmhad_xsub'

model = dict(
    encoder=dict(
        _delete_=True,
        type='STTFormer',
        num_joints=20,
        num_frames=32,
        len_parts=4,
        config=[[16, 16, 8], [16, 32, 8], [32, 64, 16]],
    )
)
