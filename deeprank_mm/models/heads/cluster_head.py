"""DeepCluster's classifier: which cluster is a sample in?"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Union

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from deeprank_mm.arguments import check_arguments

from .width import check_width


class ClusterStatistics(NamedTuple):
    """How well a head tells clusters.

    Attributes:
        loss (Tensor): Mean cross-entropy, scalar.
        accuracy (Tensor): Share of samples put into their cluster, scalar,
            detached.
    """

    loss: Tensor
    accuracy: Tensor


@MODELS.register_module()
class ClusterHead(BaseModule):
    """One linear layer from features to clusters.

    Args:
        in_channels (int): Feature width D. Defaults to 256.
        n_clusters (int): The paper's n. Defaults to 256, its best for NTU.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If the width is not positive, or there are fewer than two
            clusters.
    """

    @check_arguments
    def __init__(
        self,
        in_channels: int = 256,
        n_clusters: int = 256,
        init_cfg: Union[Dict, List[Dict], None] = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if in_channels < 1 or n_clusters < 2:
            raise ValueError(
                'ClusterHead needs a positive width and at least 2 clusters, '
                f'got in_channels={in_channels} and n_clusters={n_clusters}.'
            )
        self.in_channels = in_channels
        self.n_clusters = n_clusters
        self.fc = nn.Linear(in_channels, n_clusters)

    def forward(self, features: Tensor) -> Tensor:
        """Score every cluster.

        Args:
            features (Tensor): ``(B, D)``.

        Returns:
            Tensor: ``(B, n_clusters)`` logits.

        Raises:
            ValueError: If the features have another width than the head.
        """
        check_width(self, features)
        return self.fc(features)

    def loss(self, features: Tensor, clusters: Tensor) -> ClusterStatistics:
        """Cross-entropy of the clusters, in float32.

        Args:
            features (Tensor): ``(B, D)``, from the encoder that learns.
            clusters (Tensor): ``(B, )`` int64, the samples' clusters.

        Returns:
            ClusterStatistics: Loss and accuracy.
        """
        with torch.autocast(features.device.type, enabled=False):
            logits = self(features.to(self.fc.weight.dtype))
            loss = F.cross_entropy(logits, clusters)
        hits = logits.argmax(1) == clusters
        return ClusterStatistics(loss, hits.to(loss.dtype).mean())
