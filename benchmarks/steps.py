"""Pretraining steps that the benchmarks share: models of configs, batches."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional

import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import Tensor

from deeprank_mm.models.pooling import encode
from deeprank_mm.models.rankers.multi_view_ranker import MIN_BATCH
from deeprank_mm.structures import FeatureBank

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
ALL = ('joint', 'bone', 'motion')


class Size(NamedTuple):
    """A config and the clips that it is meant for."""

    config: str
    batch: int
    persons: int
    frames: int
    joints: int
    width: int

    def __str__(self) -> str:
        return (
            f'{self.batch} clips of {self.persons} person(s), {self.frames} '
            f'frames, {self.joints} joints'
        )


# The paper's batch is 64: about 10 GB of activations.
SIZES = dict(
    small=Size('stgcn_nwucla_xview', 64, 1, 32, 20, 64),
    paper=Size('stgcn_ntu60_xsub', 16, 2, 120, 25, 256),
)


class Step:
    """The model of a config with random labels, and a batch for it.

    Args:
        method: Folder of the config.
        size: Which config of the folder, and of what size the batch is.
        device: Where to compute.
        clips: Of a sample.
        **model: Overrides of the config's model.

    Raises:
        ValueError: If the batch holds no triplet, whose step would be none.
    """

    def __init__(
        self,
        method: str,
        size: Size,
        device: str = 'cpu',
        clips: int = 1,
        **model: int,
    ) -> None:
        if size.batch < MIN_BATCH:
            raise ValueError(
                f'A batch of {size.batch} holds no triplet and would be '
                f'skipped: measure at least {MIN_BATCH} samples.'
            )
        config = Config.fromfile(CONFIGS / method / f'{size.config}.py')
        config.merge_from_dict(dict(model=model))
        # every step does the same work on the same weights
        config.optim_wrapper.optimizer.lr = 0.0
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmaction'):
            self.model = MODELS.build(config.model).to(device)
        self.model.train()
        self.optimizer = build_optim_wrapper(self.model, config.optim_wrapper)
        self.ids = [f'{i:04d}' for i in range(size.batch)]
        self.bank = FeatureBank(
            self.ids,
            {name: torch.randn(size.batch, size.width) for name in ALL},
        )
        if hasattr(self.model, 'train_bank'):
            self.model.train_bank = self.bank
        names = self.model.modalities
        skeletons = torch.randn(
            size.batch, clips, size.persons, size.frames, size.joints, 9
        )
        self.data = dict(
            inputs=list(skeletons[..., : 3 * len(names)].contiguous()),
            data_samples=[
                ActionDataSample(metainfo=dict(sample_id=name))
                for name in self.ids
            ],
        )
        self.inputs: Tensor = torch.stack(self.data['inputs']).to(device)
        self.features = {
            name: torch.randn(
                size.batch, size.width, device=device, requires_grad=True
            )
            for name in names
        }
        self.slope: Optional[Tensor] = None

    def step(self) -> None:
        """One step of training."""
        self.model.train_step(self.data, self.optimizer)

    def heads(self) -> None:
        """Its part after the encoders, forward and backward."""
        ranked = self.model.rank(self.features, self.ids, self.bank)
        sum(result.loss for result in ranked.values()).backward()

    def encoder(self) -> None:
        """The first encoder alone, forward and backward on the batch."""
        encoder = self.model.encoders[self.model.modalities[0]]
        encoder.zero_grad(set_to_none=True)
        features = encode(encoder, self.inputs)
        if self.slope is None:
            self.slope = torch.randn_like(features)
        features.backward(self.slope)
