"""DeepCluster: encoders that learn to tell the clusters of their features."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Union

import torch.nn as nn
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from torch import Tensor

from deeprank_mm.arguments import check_arguments
from deeprank_mm.randomness import keyed_randomness
from deeprank_mm.structures import FeatureBank, sample_id_of

from ..finite import check_losses
from ..heads.cluster_head import ClusterStatistics
from ..modality_encoders import ModalityEncoders, initialise


@MODELS.register_module()
class ClusterClassifier(ModalityEncoders):
    """The paper's baseline: DeepCluster on skeletons.

    One encoder and one head a modality. The features of all samples are
    clustered at the start of a cycle, and the cluster of a sample is its
    label until the next: :class:`~deeprank_mm.engine.ClusterLabelHook` puts
    them into the banks, ``train_bank`` for the training samples and
    ``val_bank`` for the held-out ones. Several modalities are so many
    independent runs in one, as in 3s-DeepRank.

    Args:
        encoder (dict): Config of a backbone, see :class:`.MultiViewRanker`.
        head (dict, optional): Config of a head; its ``n_clusters`` is the
            number of clusters that are made. Defaults to
            ``dict(type='ClusterHead')``.
        modalities (Sequence[str]): In the order in which the pipeline joins
            them on the channel axis. Defaults to ``('joint', )``.
        data_preprocessor (dict, optional): Defaults to MMAction2's
            ``ActionDataPreprocessor``, which only stacks the batch.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If the modalities are not distinct names.
    """

    @check_arguments
    def __init__(
        self,
        encoder: dict,
        head: Optional[dict] = None,
        modalities: Sequence[str] = ('joint',),
        data_preprocessor: Optional[dict] = None,
        init_cfg: Union[dict, List[dict], None] = None,
    ) -> None:
        super().__init__(encoder, modalities, data_preprocessor, init_cfg)
        self.heads = nn.ModuleDict()
        for name in self.modalities:
            with keyed_randomness(self._seed, 'head', name):
                self.heads[name] = MODELS.build(
                    head or dict(type='ClusterHead')
                )
        self.train_bank: Optional[FeatureBank] = None
        self.val_bank: Optional[FeatureBank] = None

    def init_weights(self) -> None:
        """Initialise encoders and heads as their own classes say."""
        for name, head in self.heads.items():
            with keyed_randomness(self._seed, 'init head', name):
                initialise(head)
        super().init_weights()

    def loss(
        self,
        inputs: Union[Tensor, Dict[str, Tensor]],
        data_samples: List[ActionDataSample],
    ) -> Dict[str, Tensor]:
        """Cross-entropy of every modality's clusters.

        Args:
            inputs (Tensor or dict[str, Tensor]): See :meth:`extract_feat`.
            data_samples (list[ActionDataSample]): They carry the sample ids.

        Returns:
            dict[str, Tensor]: ``loss_{modality}`` and ``acc_{modality}``.

        Raises:
            RuntimeError: If no clusters have been made yet.
            KeyError: If a sample has no id or no row in the bank.
            ValueError: If a loss is not finite; the message names the
                samples.
        """
        if self.train_bank is None or self.train_bank.clusters is None:
            raise RuntimeError(
                'ClusterClassifier has no clusters to tell yet: add '
                "dict(type='ClusterLabelHook') to `custom_hooks`."
            )
        ids = [sample_id_of(sample) for sample in data_samples]
        results = self.classify(
            self.extract_feat(inputs), ids, self.train_bank
        )
        losses = {}
        for name, result in results.items():
            losses[f'loss_{name}'] = result.loss
            losses[f'acc_{name}'] = result.accuracy
        check_losses(self, inputs, data_samples, losses)
        return losses

    def classify(
        self,
        features: Dict[str, Tensor],
        ids: Sequence[str],
        bank: FeatureBank,
    ) -> Dict[str, ClusterStatistics]:
        """Tell the clusters of a set of samples, by every head.

        Args:
            features (dict[str, Tensor]): For each modality ``(B, D)``, from
                the encoder as it is now.
            ids (Sequence[str]): Their ``B`` samples.
            bank (FeatureBank): With their clusters.

        Returns:
            dict[str, ClusterStatistics]: For each modality.
        """
        rows = bank.rows(ids)
        return {
            name: head.loss(
                features[name],
                bank.clusters[name][rows].to(features[name].device),
            )
            for name, head in self.heads.items()
        }
