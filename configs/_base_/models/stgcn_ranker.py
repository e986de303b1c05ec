# DeepRank: one modality, its own view. The head is the paper's (eqs. 7, 8).
model = dict(
    type='MultiViewRanker',
    encoder=dict(
        type='STGCN', graph_cfg=dict(layout='nturgb+d', mode='stgcn_spatial')
    ),
    head=dict(type='TripletRankingHead', in_channels=256),
    modalities=['joint'],
    views=['self'],
)
