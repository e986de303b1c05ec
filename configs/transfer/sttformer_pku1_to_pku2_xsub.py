# Transfer: pretrained on PKU-MMD I cross-subject, finetuned on PKU-MMD II
# cross-subject. Without an option it starts from DeepRank's encoder;
# --pretrained work_dirs/mv_deeprank/sttformer_pku1_xsub starts from
# MV-DeepRank's, --pretrained none is supervised training from scratch; give
# these a --work-dir of their own.
_base_ = '../finetune/sttformer_pku2_xsub.py'
work_dir = './work_dirs/transfer/sttformer_pku1_to_pku2_xsub'

custom_hooks = [
    dict(
        type='LoadEncoderHook',
        checkpoint='work_dirs/deeprank/sttformer_pku1_xsub',
        modality='joint',
    )
]
