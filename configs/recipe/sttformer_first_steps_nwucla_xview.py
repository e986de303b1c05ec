# STTFormer with two parts of the recipe (docs/recipe.md): clips turn freely
# about the vertical axis, and the head ranks by the distances that make the
# labels.
_base_ = '../deeprank/sttformer_nwucla_xview.py'
work_dir = './work_dirs/recipe/sttformer_first_steps_nwucla_xview'

model = dict(head=dict(_delete_=True, type='CosineRankingHead'))
train_pipeline = [
    *_base_.train_pipeline[:2],
    dict(type='RandomRotation', theta=(0.3, 3.14, 0.3)),
    *_base_.train_pipeline[3:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
