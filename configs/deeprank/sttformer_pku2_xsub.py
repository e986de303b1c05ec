# DeepRank with STTFormer on PKU-MMD II cross-subject, joint.
_base_ = [
    '../_base_/datasets/pku2_xsub_pretrain.py',
    '../_base_/models/sttformer_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/sttformer_pku2_xsub'

optim_wrapper = dict(optimizer=dict(lr=0.01))
