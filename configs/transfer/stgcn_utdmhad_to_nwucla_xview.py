# Transfer: pretrained on UTD-MHAD (joints in NW-UCLA's order), finetuned on
# NW-UCLA cross-view.
_base_ = '../finetune/stgcn_nwucla_xview.py'
work_dir = './work_dirs/transfer/stgcn_utdmhad_to_nwucla_xview'

custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/stgcn_utdmhad_kinect20_xsub',
        modality='joint',
    )
]
