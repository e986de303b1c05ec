"""Table II, second row: a small vision transformer over a triplet."""

from __future__ import annotations

from typing import Dict, List, Optional, Union

import torch
import torch.nn as nn
from mmaction.registry import MODELS
from torch import Tensor

from deeprank_mm.arguments import check_arguments

from .sampled_ranking_head import SampledRankingHead

_TOKENS = 3


@MODELS.register_module()
class ViTRankingHead(SampledRankingHead):
    """Ranks two candidates by a transformer (Table II, "ViT").

    The features of anchor and candidates are three tokens: each embedded by
    one linear layer, plus a fixed sine-cosine embedding of its place; then
    two pre-norm transformer blocks; the tokens' mean, normalised as a ViT
    does, through a linear layer gives the two logits. The paper's sizes are
    the defaults.

    Args:
        in_channels (int): Feature width D. Defaults to 256.
        embed_channels (int): Width of a token, even. Defaults to 256.
        depth (int): Blocks. Defaults to 2.
        num_heads (int): Attention heads. Defaults to 2.
        hidden_channels (int): Hidden width of a block's feed-forward
            network. Defaults to 128.
        num_triplets (int, optional): How many triplets a step scores.
            Defaults to 4096; None for all, in blocks.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If a number is out of its range.
    """

    @check_arguments
    def __init__(
        self,
        in_channels: int = 256,
        embed_channels: int = 256,
        depth: int = 2,
        num_heads: int = 2,
        hidden_channels: int = 128,
        num_triplets: Optional[int] = 4096,
        init_cfg: Union[Dict, List[Dict], None] = None,
    ) -> None:
        super().__init__(in_channels, num_triplets, init_cfg)
        sizes = (embed_channels, depth, num_heads, hidden_channels)
        if min(sizes) < 1 or embed_channels % 2 or embed_channels % num_heads:
            raise ValueError(
                'ViTRankingHead needs positive sizes, and an even '
                'embed_channels that num_heads divides; got embed_channels='
                f'{embed_channels}, depth={depth}, num_heads={num_heads} and '
                f'hidden_channels={hidden_channels}.'
            )
        self.embed = nn.Linear(in_channels, embed_channels)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                embed_channels,
                num_heads,
                hidden_channels,
                dropout=0.0,
                activation='gelu',
                batch_first=True,
                norm_first=True,
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_channels)
        self.fc = nn.Linear(embed_channels, 2)
        self.register_buffer(
            'places', _sine_cosine(embed_channels), persistent=False
        )

    def reset_parameters(self) -> None:
        """Draw anew what the layers cannot reset by themselves."""
        for block in self.blocks:
            block.self_attn._reset_parameters()

    def forward(self, anchor: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Score triplets; see :class:`.SampledRankingHead`."""
        tokens = self.embed(torch.stack([anchor, first, second], 1))
        tokens = tokens + self.places.to(tokens.dtype)
        for block in self.blocks:
            tokens = block(tokens)
        return self.fc(self.norm(tokens.mean(1)))


def _sine_cosine(width: int) -> Tensor:
    """``(3, width)``: sines, then cosines, of falling frequencies."""
    frequency = 10000.0 ** -(torch.arange(0, width, 2) / width)
    angle = torch.arange(_TOKENS)[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], 1)
