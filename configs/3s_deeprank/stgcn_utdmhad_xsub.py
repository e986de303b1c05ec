# 3s-DeepRank on UTD-MHAD cross-subject in one run:
# three streams, each labelled by its own modality alone.
_base_ = '../mv_deeprank/stgcn_utdmhad_xsub.py'
work_dir = './work_dirs/3s_deeprank/stgcn_utdmhad_xsub'

model = dict(views=['self'])
