# The recipe with a head that ranks the whole bank (docs/recipe.md). A sample
# is the mean of its two clips.
_base_ = './stgcn_utdmhad_xsub.py'
work_dir = './work_dirs/recipe/list_stgcn_utdmhad_xsub'

model = dict(
    head=dict(_delete_=True, type='ListRankingHead', in_channels=64),
    own_clip_weight=0.0,
)
