# DeepRank with STTFormer on NTU120 cross-subject, joint.
_base_ = [
    '../_base_/datasets/ntu120_xsub_pretrain.py',
    '../_base_/models/sttformer_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/sttformer_ntu120_xsub'

optim_wrapper = dict(optimizer=dict(lr=0.01))
