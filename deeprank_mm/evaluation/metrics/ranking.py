"""Ranking loss and accuracy of the held-out samples."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List, Optional, Sequence

import torch
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric

from deeprank_mm.arguments import check_arguments
from deeprank_mm.structures import check_finite, features_of, sample_id_of


@METRICS.register_module()
class RankingMetric(BaseMetric):
    """Ranking loss and accuracy over all triplets of fixed blocks.

    The loss depends on which samples share a batch. So that it does not
    depend on the batch size or on the number of processes, the samples are
    put into blocks by a hash of their ids, which also mixes actions and
    subjects that the order of the file keeps together. A last block of fewer
    than three samples is left out.

    :class:`~deeprank_mm.engine.RankLabelHook` lends it the ``model``, whose
    heads score and whose ``val_bank`` labels the triplets.

    Args:
        block_size (int): Samples a block. Defaults to 64, the paper's batch.
        collect_device (str): Where ranks gather. Defaults to ``'cpu'``.
        prefix (str, optional): Defaults to ``'ranking'``.

    Raises:
        ValueError: If a block could not hold a triplet.
    """

    default_prefix = 'ranking'

    @check_arguments
    def __init__(
        self,
        block_size: int = 64,
        collect_device: str = 'cpu',
        prefix: Optional[str] = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if block_size < 3:
            raise ValueError(
                'RankingMetric needs blocks of at least 3 '
                f'samples, got block_size={block_size}.'
            )
        self.block_size = block_size
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
        """Rank the triplets of all blocks.

        Args:
            results (list[tuple]): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: ``loss``, weighted and summed over modalities
            and views (own clips have no part of their own, as in training
            they may, and a head that learns from the whole bank ranks
            triplets here), and for each of them
            ``loss_{modality}_{view}`` (unweighted) and
            ``acc_{modality}_{view}``, means over triplets.

        Raises:
            RuntimeError: If no RankLabelHook lent the ranker, or the blocks
                hold no triplet.
            ValueError: If a feature is not finite.
        """
        ranker = self.model
        if ranker is None or ranker.val_bank is None:
            raise RuntimeError(
                'RankingMetric has no ranking labels for the validation '
                'samples: it works in training with dict(type='
                "'RankLabelHook') among the hooks."
            )
        device = next(ranker.parameters()).device
        results = sorted(
            results, key=lambda r: hashlib.sha256(r[0].encode()).digest()
        )
        sums: Dict[tuple, torch.Tensor] = {}
        for start in range(0, len(results), self.block_size):
            ids, features = zip(*results[start : start + self.block_size])
            stacked = {
                name: torch.stack([f[name] for f in features]).to(device)
                for name in ranker.train_modalities
            }
            for name, value in stacked.items():
                check_finite(ids, name, value)
            ranked = ranker.rank(stacked, ids, ranker.val_bank)
            for key, value in ranked.items():
                if value.triplets:
                    weight = value.triplets.double()
                    part = torch.stack(
                        [weight, weight * value.loss, weight * value.accuracy]
                    )
                    sums[key] = sums.get(key, 0) + part
        if not sums:
            raise RuntimeError(
                f'The {len(results)} validation samples hold no triplet: '
                'hold out at least three.'
            )
        metrics = {'loss': 0.0}
        for (name, view), (weight, loss, accuracy) in sums.items():
            metrics[f'loss_{name}_{view}'] = float(loss / weight)
            metrics[f'acc_{name}_{view}'] = float(accuracy / weight)
            metrics['loss'] += ranker.view_weights[view] * float(loss / weight)
        return metrics
