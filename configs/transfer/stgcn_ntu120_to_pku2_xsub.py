# Transfer: pretrained on NTU120 cross-subject, finetuned on PKU-MMD II
# cross-subject. Without an option it starts from DeepRank's encoder;
# --pretrained work_dirs/mv_deeprank/stgcn_ntu120_xsub starts from
# MV-DeepRank's, --pretrained none is supervised training from scratch; give
# these a --work-dir of their own.
_base_ = '../finetune/stgcn_pku2_xsub.py'
work_dir = './work_dirs/transfer/stgcn_ntu120_to_pku2_xsub'

custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/stgcn_ntu120_xsub',
        modality='joint',
    )
]
