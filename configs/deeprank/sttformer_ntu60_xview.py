# DeepRank with STTFormer on NTU60 cross-view, joint.
_base_ = [
    '../_base_/datasets/ntu60_xview_pretrain.py',
    '../_base_/models/sttformer_ranker.py',
    '../_base_/schedules/pretrain.py',
    '../_base_/default_runtime.py',
]
work_dir = './work_dirs/deeprank/sttformer_ntu60_xview'

optim_wrapper = dict(optimizer=dict(lr=0.01))
