"""DeepCluster's labels: which cluster a sample is in, a cycle long."""

from __future__ import annotations

import time
from typing import Dict, Optional, Tuple

import torch
from mmaction.registry import HOOKS
from mmengine.dist import broadcast_object_list, is_main_process
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor

from deeprank_mm.arguments import check_arguments
from deeprank_mm.evaluation import ClusterMetric
from deeprank_mm.models import ClusterClassifier
from deeprank_mm.randomness import key_of
from deeprank_mm.structures import FeatureBank

from ..clustering import (
    check_cluster_count,
    cluster_features,
    clustering_library,
    nearest_centres,
)
from ..label_statistics import feature_spread
from .label_cycle_hook import LabelCycleHook


@HOOKS.register_module()
class ClusterLabelHook(LabelCycleHook):
    """Re-extracts and clusters features, and so relabels, each cycle.

    The cycle is :class:`RankLabelHook`'s, so that DeepCluster and DeepRank
    differ in their labels and heads alone: k-means on the L2-normalised
    features of the training samples, of each modality by itself, into as
    many clusters as the head's ``n_clusters``. Held-out samples belong to
    the nearest centre. Rank 0 clusters for all processes. The clusters are
    kept in the bank files, so that a resumed run goes on with the same.

    Cluster numbers mean something else after each relabelling, so the heads
    start anew with them.

    Args:
        reset_head (bool): Re-initialise the heads at a refresh. Defaults to
            True.
        library (str, optional): ``'sklearn'`` or ``'faiss'``. Defaults to
            None: faiss where it is installed. Their clusters differ, so name
            it where numbers must be repeated elsewhere.
        **kwargs: ``interval``, ``patience`` and the others of
            :class:`RankLabelHook`; ``monitor`` is ``'cluster/loss'`` here.

    Raises:
        ValueError: If the interval or the number of cycles is not positive,
            or the library is unknown.
        ImportError: If the library is not installed.
    """

    model_type = ClusterClassifier
    default_monitor = 'cluster/loss'
    metric = ClusterMetric
    state_key = 'cluster_label_hook'

    @check_arguments
    def __init__(
        self,
        reset_head: bool = True,
        library: Optional[str] = None,
        **kwargs,
    ) -> None:
        super().__init__(reset_head=reset_head, **kwargs)
        self.library = clustering_library(library)

    def _check_run(self, runner) -> None:
        for head in self._model.heads.values():
            check_cluster_count(head.n_clusters, len(self._datasets['train']))

    def _label(
        self, runner, banks: Dict[str, FeatureBank]
    ) -> Dict[str, FeatureBank]:
        begin = time.time()
        found = [self._cluster(runner, banks) if is_main_process() else None]
        broadcast_object_list(found)
        self._seconds = time.time() - begin
        return {
            part: bank.with_clusters(found[0][part])
            for part, bank in banks.items()
        }

    def _cluster(
        self, runner, banks: Dict[str, FeatureBank]
    ) -> Dict[str, Dict[str, Tensor]]:
        """Clusters of each part and modality."""
        clusters = {part: {} for part in banks}
        for name, head in self._model.heads.items():
            seed = key_of(runner.seed or 0, 'clusters', self.cycle, name)
            clusters['train'][name], centres = cluster_features(
                banks['train'].features[name],
                head.n_clusters,
                seed & 0x7FFFFFFF,
                self.library,
            )
            if 'val' in banks:
                clusters['val'][name] = nearest_centres(
                    banks['val'].features[name], centres
                )
        return clusters

    def _statistics(
        self, runner, previous: Optional[FeatureBank]
    ) -> Dict[str, float]:
        bank = self._model.train_bank
        scalars = dict(seconds_clustering=self._seconds)
        for name, head in self._model.heads.items():
            clusters = bank.clusters[name]
            empty, largest = _sizes(clusters, head.n_clusters)
            scalars[f'empty_{name}'] = empty
            scalars[f'largest_{name}'] = largest
            # same samples: an agreement that does not mind the numbering
            if previous and previous.fingerprint == bank.fingerprint:
                scalars[f'nmi_{name}'] = normalized_mutual_info_score(
                    previous.clusters[name].numpy(), clusters.numpy()
                )
            scalars[f'spread_{name}'] = feature_spread(bank.features[name])
            if empty:
                runner.logger.warning(
                    f'{empty} of {head.n_clusters} {name} clusters are empty: '
                    'there are fewer different features than clusters. Lower '
                    '`n_clusters`, or look whether features have collapsed.'
                )
        return scalars


def _sizes(clusters: Tensor, n_clusters: int) -> Tuple[int, float]:
    """How many clusters are empty, and the share of the largest."""
    counts = torch.bincount(clusters, minlength=n_clusters)
    return int((counts == 0).sum()), float(counts.max() / len(clusters))
