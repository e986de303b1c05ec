# DeepRank with STTFormer on PKU-MMD I cross-subject, joint.
_base_ = [
    '../_base_/datasets/pku1_xsub_pretrain.py',
    '../_base_/models/sttformer_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/sttformer_pku1_xsub'

optim_wrapper = dict(optimizer=dict(lr=0.01))
