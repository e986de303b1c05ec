"""SkeletonCLR: momentum contrast of two augmented clips of a sample."""

from __future__ import annotations

import copy
from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.dist import all_gather
from torch import Tensor

from deeprank_mm.arguments import check_arguments
from deeprank_mm.randomness import keyed_randomness

from ..finite import check_losses
from ..modality_encoders import ModalityEncoders, initialise
from ..pooling import encode
from .key_queue import KeyQueue

# Of a sample: the query's and the key's.
_CLIPS = 2


@MODELS.register_module()
class SkeletonCLR(ModalityEncoders):
    """The contrastive baseline of the field: MoCo on skeletons.

    The *query* is one augmented clip of a sample, through the encoder; its
    *positive* key is another clip of the same sample, through a copy of the
    encoder that follows it slowly; its negatives are keys of past batches.
    The loss is InfoNCE: which key is the positive one?

    Several modalities are so many independent runs in one. The encoders that
    learn, and that are evaluated, are the queries'.

    .. note::
       The queue should hold fewer keys than there are training samples, or
       a sample's own key of the epoch before is among its negatives.

    Args:
        encoder (dict): Config of a backbone, see :class:`.MultiViewRanker`.
        head (dict, optional): Config of a projection. Defaults to
            ``dict(type='ProjectionHead')``.
        modalities (Sequence[str]): In the order in which the pipeline joins
            them on the channel axis. Defaults to ``('joint', )``.
        queue_size (int): How many negatives. Defaults to 32768.
        momentum (float): The share of itself that the keys' encoder keeps at
            a step, in [0, 1). Defaults to 0.999.
        temperature (float): T of InfoNCE. Defaults to 0.07.
        data_preprocessor (dict, optional): Defaults to MMAction2's
            ``ActionDataPreprocessor``, which only stacks the batch.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If the modalities are not distinct names, or a number is
            out of its range.
    """

    @check_arguments
    def __init__(
        self,
        encoder: dict,
        head: Optional[dict] = None,
        modalities: Sequence[str] = ('joint',),
        queue_size: int = 32768,
        momentum: float = 0.999,
        temperature: float = 0.07,
        data_preprocessor: Optional[dict] = None,
        init_cfg: Union[dict, List[dict], None] = None,
    ) -> None:
        if queue_size < 1 or not 0 <= momentum < 1 or temperature <= 0:
            raise ValueError(
                'SkeletonCLR needs a queue_size of 1 or more, a momentum in '
                '[0, 1) and a positive temperature, got '
                f'{queue_size}, {momentum} and {temperature}.'
            )
        super().__init__(encoder, modalities, data_preprocessor, init_cfg)
        self.momentum = momentum
        self.temperature = temperature
        self.heads, self.queues = nn.ModuleDict(), nn.ModuleDict()
        for name in self.modalities:
            with keyed_randomness(self._seed, 'head', name):
                self.heads[name] = MODELS.build(
                    head or dict(type='ProjectionHead')
                )
            with keyed_randomness(self._seed, 'queue', name):
                self.queues[name] = KeyQueue(
                    queue_size, self.heads[name].out_channels
                )
        self.key_encoders = copy.deepcopy(self.encoders).requires_grad_(False)
        self.key_heads = copy.deepcopy(self.heads).requires_grad_(False)

    def init_weights(self) -> None:
        """Initialise encoders and heads; those of the keys are copies."""
        for name, head in self.heads.items():
            with keyed_randomness(self._seed, 'init head', name):
                initialise(head)
        super().init_weights()
        self.key_encoders.load_state_dict(self.encoders.state_dict())
        self.key_heads.load_state_dict(self.heads.state_dict())

    def loss(
        self,
        inputs: Union[Tensor, Dict[str, Tensor]],
        data_samples: List[ActionDataSample],
    ) -> Dict[str, Tensor]:
        """InfoNCE of every modality; then the keys join the queue.

        Args:
            inputs (Tensor or dict[str, Tensor]): Skeletons
                ``(B, 2, M, T, V, C x modalities)``, two clips a sample.
            data_samples (list[ActionDataSample]): One a sample.

        Returns:
            dict[str, Tensor]: ``loss_{modality}``, and ``acc_{modality}``:
            how often the positive key is the most similar.

        Raises:
            ValueError: If there are not two clips a sample, or a loss is not
                finite; the message names the samples.
        """
        self._follow()
        losses, keys = {}, {}
        for name, clips in self._split_modalities(inputs).items():
            query, keys[name] = self._project(name, clips)
            loss, accuracy = self._contrast(
                query, keys[name], self.queues[name].keys
            )
            losses[f'loss_{name}'] = loss
            losses[f'acc_{name}'] = accuracy
        check_losses(self, inputs, data_samples, losses)
        for name, value in keys.items():
            self.queues[name].push(torch.cat(all_gather(value)))
        return losses

    def _project(self, name: str, clips: Tensor) -> Tuple[Tensor, Tensor]:
        if clips.dim() != 6 or clips.shape[1] != _CLIPS:
            raise ValueError(
                'SkeletonCLR compares two clips of a sample, (B, 2, M, T, V, '
                f'C), but got inputs {tuple(clips.shape)}: put the random '
                "steps of the training pipeline into dict(type='AugmentClips'"
                ', num_clips=2, transforms=[...]).'
            )
        query = self.heads[name](encode(self.encoders[name], clips[:, :1]))
        with torch.no_grad():
            key = self.key_heads[name](
                encode(self.key_encoders[name], clips[:, 1:])
            )
        return query, key

    def _contrast(
        self, query: Tensor, key: Tensor, negatives: Tensor
    ) -> Tuple[Tensor, Tensor]:
        """InfoNCE in float32, and its accuracy."""
        with torch.autocast(query.device.type, enabled=False):
            if query.dtype != torch.float64:
                query, key = query.float(), key.float()
            # a copy: the queue changes before the backward pass
            negatives = negatives.to(query.dtype, copy=True)
            logits = torch.cat(
                [(query * key).sum(1, keepdim=True), query @ negatives.T], 1
            )
            target = logits.new_zeros(len(logits), dtype=torch.long)
            loss = F.cross_entropy(logits / self.temperature, target)
        hits = logits.argmax(1) == target
        return loss, hits.to(loss.dtype).mean()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the keys' encoders and heads a little towards the queries'."""
        for mine, theirs in self._pairs():
            mine.lerp_(theirs, 1 - self.momentum)

    def _pairs(self) -> Iterator[Tuple[Tensor, Tensor]]:
        for keys, queries in (
            (self.key_encoders, self.encoders),
            (self.key_heads, self.heads),
        ):
            yield from zip(keys.parameters(), queries.parameters())
