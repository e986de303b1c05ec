# The recipe with a head that ranks the whole bank (docs/recipe.md). A sample
# is the mean of its two clips.
_base_ = './stgcn_nwucla_xview.py'
work_dir = './work_dirs/recipe/list_stgcn_nwucla_xview'

model = dict(
    head=dict(_delete_=True, type='ListRankingHead', in_channels=64),
    own_clip_weight=0.0,
)

# about 1,100 steps: vectors have to be learned, too
train_cfg = dict(max_epochs=36)
default_hooks = dict(checkpoint=dict(interval=9))
