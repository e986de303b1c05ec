"""Metrics that compare features with those of a labelled set."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Dict, List, Optional, Sequence

import torch
from mmengine.evaluator import BaseMetric

from deeprank_mm.structures import (
    FeatureBank,
    features_of,
    label_of,
    sample_id_of,
)


class SupportMetric(BaseMetric):
    """Base of evaluations of frozen features.

    The queries are what is being evaluated; the *support* is the labelled
    set they are compared with: the training split, which
    :class:`~deeprank_mm.engine.FeatureTestLoop` extracts and sets.

    Args:
        collect_device (str): Where ranks gather. Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names of the results.
    """

    def __init__(
        self, collect_device: str = 'cpu', prefix: Optional[str] = None
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.support: Optional[FeatureBank] = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect id, label and features of a batch.

        Args:
            data_batch: Unused.
            data_samples (Sequence[dict]): With ``feat_{modality}``.
        """
        for sample in data_samples:
            features = features_of(sample)
            if not features:
                raise ValueError(
                    f'{type(self).__name__} evaluates features, but the '
                    'model predicted none: use it with a MultiViewRanker.'
                )
            self.results.append(
                (sample_id_of(sample), label_of(sample), features)
            )

    def compute_metrics(self, results: List[tuple]) -> Dict[str, float]:
        """Compare everything collected with the support.

        Args:
            results (list[tuple]): From :meth:`process`, of all ranks.

        Returns:
            dict[str, float]: See :meth:`compare`.
        """
        if self.support is None:
            raise RuntimeError(
                f'{type(self).__name__} has no labelled features to compare '
                "with: set test_cfg=dict(type='FeatureTestLoop', "
                'support_dataloader=...).'
            )
        ids, labels, features = zip(*results)
        return self.compare(
            self.support,
            FeatureBank(
                ids,
                {
                    k: torch.stack([f[k] for f in features])
                    for k in features[0]
                },
                None if None in labels else labels,
            ),
        )

    def compare(
        self, support: FeatureBank, queries: FeatureBank
    ) -> Dict[str, float]:
        """Evaluate the queries of every modality.

        Args:
            support (FeatureBank): With labels.
            queries (FeatureBank): With labels.

        Returns:
            dict[str, float]: ``{metric}_{modality}``, accuracies in [0, 1].

        Raises:
            ValueError: If a bank has no labels, or they share samples.
        """
        for name, bank in (('support', support), ('queries', queries)):
            if bank.labels is None:
                raise ValueError(
                    f'{type(self).__name__} needs labels, but the {name} '
                    f'({len(bank)} samples) have none for some samples.'
                )
        shared = support.shared(queries)
        if shared:
            raise ValueError(
                f'{type(self).__name__}: {len(shared)} of {len(queries)} '
                f'queries, such as {shared[0]!r}, are in the support as well, '
                'so their own labels would answer for them: give the two '
                'dataloaders splits that have no sample in common.'
            )
        return {
            f'{key}_{name}': value
            for name in queries.modalities
            for key, value in self.compare_modality(
                support, queries, name
            ).items()
        }

    @abstractmethod
    def compare_modality(
        self, support: FeatureBank, queries: FeatureBank, modality: str
    ) -> Dict[str, float]:
        """Evaluate one modality.

        Args:
            support (FeatureBank): With labels.
            queries (FeatureBank): With labels.
            modality (str): Which features.

        Returns:
            dict[str, float]: Accuracies in [0, 1].
        """
