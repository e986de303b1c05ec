# The recipe with a small STTFormer.
_base_ = ['./stgcn_nwucla_xview.py', '../_base_/models/sttformer_small.py']
work_dir = './work_dirs/recipe/sttformer_nwucla_xview'

model = dict(
    encoder=dict(
        _delete_=True,
        type='STTFormer',
        num_joints=20,
        **_base_.small_sttformer,
    )
)
