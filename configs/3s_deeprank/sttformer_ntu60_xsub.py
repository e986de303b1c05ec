# 3s-DeepRank on NTU60 cross-subject in one run:
# three streams, each labelled by its own modality alone.
_base_ = '../mv_deeprank/sttformer_ntu60_xsub.py'
work_dir = './work_dirs/3s_deeprank/sttformer_ntu60_xsub'

model = dict(views=['self'])
