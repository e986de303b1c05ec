"""How well DeepCluster's heads tell the clusters of held-out samples."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import torch
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric

from deeprank_mm.arguments import check_arguments
from deeprank_mm.structures import check_finite, features_of, sample_id_of


@METRICS.register_module()
class ClusterMetric(BaseMetric):
    """Cross-entropy and accuracy of the held-out samples' clusters.

    A held-out sample belongs to the cluster whose centre its feature at the
    start of the cycle was nearest to. What :class:`RankingMetric` is to
    DeepRank: :class:`~deeprank_mm.engine.ClusterLabelHook` lends it the
    ``model``, and judges by it when labels are refreshed.

    Args:
        collect_device (str): Where ranks gather. Defaults to ``'cpu'``.
        prefix (str, optional): Defaults to ``'cluster'``.
    """

    default_prefix = 'cluster'

    @check_arguments
    def __init__(
        self, collect_device: str = 'cpu', prefix: Optional[str] = None
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.model = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect id and features of a batch.

        Args:
            data_batch: Unused.
            data_samples (Sequence[dict]): With ``feat_{modality}``.
        """
        self.results += [
            (sample_id_of(sample), features_of(sample))
            for sample in data_samples
        ]

    @torch.no_grad()
    def compute_metrics(self, results: List[tuple]) -> Dict[str, float]:
        """Classify all samples at once.

        Args:
            results (list[tuple]): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: ``loss``, summed over modalities, and for each
            of them ``loss_{modality}`` and ``acc_{modality}``.

        Raises:
            RuntimeError: If no ClusterLabelHook lent the model.
            ValueError: If a feature is not finite.
        """
        model = self.model
        if model is None or model.val_bank is None:
            raise RuntimeError(
                'ClusterMetric has no clusters of the validation samples: it '
                "works in training with dict(type='ClusterLabelHook') among "
                'the hooks.'
            )
        device = next(model.parameters()).device
        ids, features = zip(*results)
        stacked = {
            name: torch.stack([f[name] for f in features]).to(device)
            for name in model.modalities
        }
        for name, value in stacked.items():
            check_finite(ids, name, value)
        metrics = {'loss': 0.0}
        for name, value in model.classify(
            stacked, ids, model.val_bank
        ).items():
            metrics[f'loss_{name}'] = float(value.loss)
            metrics[f'acc_{name}'] = float(value.accuracy)
            metrics['loss'] += float(value.loss)
        return metrics
