"""DeepRank, 3s-DeepRank, MV-DeepRank and 3s-MV-DeepRank: one class."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Union

import torch.nn as nn
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.dist import get_world_size
from torch import Tensor

from deeprank_mm.arguments import check_arguments
from deeprank_mm.randomness import keyed_randomness
from deeprank_mm.ranking import (
    NORMALIZATIONS,
    VIEWS,
    TripletStatistics,
    pairwise_distance,
    valid_pairs,
    view_distance,
)
from deeprank_mm.structures import FeatureBank, sample_id_of

from ..finite import check_features, check_losses
from ..modality_encoders import ModalityEncoders, check_distinct, initialise
from .memory import out_of_memory_explained
from .neighbourhood import Neighbourhoods
from .triplet_pool import TRIPLET_POOLS, GlobalPool, LocalPool

# Fewer distinct samples hold no triplet.
MIN_BATCH = 3
# What is added to a head's name for the ranking of own clips.
_OWN = ('own',)


@MODELS.register_module()
class MultiViewRanker(ModalityEncoders):
    """Encoders that learn to rank triplets by labels from a feature bank.

    One encoder a modality and one head for each modality and view. Which of
    the paper's variants it is, is configuration:

    - DeepRank: ``modalities=['joint']``, ``views=['self']``
    - 3s-DeepRank: ``['joint', 'bone', 'motion']``, ``['self']``
    - MV-DeepRank: the same three, ``['self', 'other', 'all']``, and the
      joint encoder evaluated
    - 3s-MV-DeepRank: the same run, all three evaluated

    The labels come from the *bank* of the running cycle, which
    :class:`~deeprank_mm.engine.RankLabelHook` fills: ``train_bank`` for the
    training samples, ``val_bank`` for the held-out ones. Banks are no
    buffers: they are not part of the ``state_dict``.

    Args:
        encoder (dict): Config of a backbone: any of MMAction2's GCN
            backbones, or anything :func:`.encode` can pool. Every
            modality gets one of its own.
        head (dict): Config of a ranking head. One that ``ranks_bank`` is
            trained not on the batch's triplets, but on the samples of the
            bank, see ``ListRankingHead``. Defaults to
            ``dict(type='TripletRankingHead')``.
        modalities (Sequence[str]): In the order in which the pipeline joins
            them on the channel axis. Defaults to ``('joint', )``.
        views (Sequence[str]): Of ``self``, ``other`` and ``all``. Defaults
            to ``('self', )``.
        view_weights (Mapping[str, float], optional): The lambdas of eq. 21.
            Defaults to 1 for each view.
        train_modalities (Sequence[str], optional): Encoders that learn; the
            others only supply labels and stay as they are. Defaults to all.
        normalization (str): Normalisation of features before distances are
            taken, see Table I. Defaults to ``'l2'``.
        triplet_pool (str): Whose samples form triplets. ``'local'``, each
            process's own batch; ``'global'``, the batches of all processes:
            loss and gradients are those of one process with all of them
            (BatchNorm's own statistics aside). Defaults to ``'local'``.
        own_clip_weight (float): Samples come in several clips each
            (:class:`~deeprank_mm.datasets.AugmentClips`), which are ranked
            one by one, and every head also ranks a clip of the anchor's own
            sample before those of others, with this weight beside the loss of
            the view. Not the paper's; it needs a head that sees the anchor,
            such as ``CosineRankingHead``. Validation leaves it out. Defaults
            to 0: features are averaged over clips.
        data_preprocessor (dict, optional): Defaults to MMAction2's
            ``ActionDataPreprocessor``, which only stacks the batch.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If modalities, views, weights or the pool make no sense,
            or own clips are to be ranked by a head that cannot.
    """

    @check_arguments
    def __init__(
        self,
        encoder: dict,
        head: Optional[dict] = None,
        modalities: Sequence[str] = ('joint',),
        views: Sequence[str] = ('self',),
        view_weights: Optional[Mapping[str, float]] = None,
        train_modalities: Optional[Sequence[str]] = None,
        normalization: str = 'l2',
        triplet_pool: str = 'local',
        own_clip_weight: float = 0.0,
        data_preprocessor: Optional[dict] = None,
        init_cfg: Union[dict, List[dict], None] = None,
    ) -> None:
        super().__init__(encoder, modalities, data_preprocessor, init_cfg)
        self.views = tuple(views)
        self.train_modalities = tuple(train_modalities or modalities)
        self.view_weights = {view: 1.0 for view in self.views}
        self.view_weights.update(view_weights or {})
        self.normalization = normalization
        self.triplet_pool = triplet_pool
        self.own_clip_weight = own_clip_weight
        self._check_config()

        head = head or dict(type='TripletRankingHead')
        self.heads = nn.ModuleDict()
        for name in self.modalities:
            if name in self.train_modalities:
                self.heads[name] = nn.ModuleDict()
                for view in self.views:
                    # as encoders: whatever other heads there are
                    with keyed_randomness(self._seed, 'head', name, view):
                        self.heads[name][view] = MODELS.build(head)
        one_head = self._one_head
        self._ranks_bank = getattr(one_head, 'ranks_bank', False)
        if own_clip_weight and not getattr(one_head, 'sees_anchor', False):
            raise ValueError(
                '`own_clip_weight` needs a head that scores pairs and sees '
                f"the anchor, not {head}: dict(type='CosineRankingHead'), or "
                "dict(type='TripletRankingHead', act='ReLU')."
            )
        for name in self.modalities:
            if name not in self.train_modalities:
                self.encoders[name].requires_grad_(False)
        self.train_bank: Optional[FeatureBank] = None
        self.val_bank: Optional[FeatureBank] = None
        self._neighbourhoods: Optional[Neighbourhoods] = None
        self.skipped_batches = 0

    def _check_config(self) -> None:
        check_distinct('views', self.views)
        for view in self.views:
            if view not in VIEWS:
                raise ValueError(
                    f'Unknown view {view!r}: choose from {", ".join(VIEWS)}.'
                )
        if 'other' in self.views and len(self.modalities) < 2:
            raise ValueError(
                "View 'other' takes its labels from the other modalities, "
                f'but there is only {self.modalities[0]!r}: add a modality '
                'or drop the view.'
            )
        unknown = set(self.view_weights) - set(self.views)
        if unknown:
            raise ValueError(
                f'`view_weights` names {sorted(unknown)}, which '
                f'`views` {self.views} does not hold.'
            )
        unknown = set(self.train_modalities) - set(self.modalities)
        if unknown:
            raise ValueError(
                f'`train_modalities` names {sorted(unknown)}, which '
                f'`modalities` {self.modalities} does not hold.'
            )
        if self.normalization not in NORMALIZATIONS:
            raise ValueError(
                f'Unknown normalization {self.normalization!r}: choose one '
                f'of {", ".join(NORMALIZATIONS)}.'
            )
        if self.triplet_pool not in TRIPLET_POOLS:
            raise ValueError(
                f'Unknown triplet_pool {self.triplet_pool!r}: choose one of '
                f'{", ".join(TRIPLET_POOLS)}.'
            )
        if self.own_clip_weight < 0:
            raise ValueError(
                '`own_clip_weight` must be 0 or more, got '
                f'{self.own_clip_weight}.'
            )

    def train(self, mode: bool = True) -> MultiViewRanker:
        """Set the training mode; encoders that do not learn stay in eval."""
        super().train(mode)
        for name in self.modalities:
            if name not in self.train_modalities:
                self.encoders[name].eval()
        return self

    def init_weights(self) -> None:
        """Initialise encoders and heads as their own classes say."""
        for name, heads in self.heads.items():
            for view, head in heads.items():
                with keyed_randomness(self._seed, 'init head', name, view):
                    initialise(head)
        super().init_weights()

    def loss(
        self,
        inputs: Union[Tensor, Dict[str, Tensor]],
        data_samples: List[ActionDataSample],
    ) -> Dict[str, Tensor]:
        """Ranking losses of every modality and view (eqs. 9 and 21).

        A pool of fewer than three distinct samples holds no triplet: it is
        skipped with a zero loss and counted in ``skipped_batches``.

        Args:
            inputs (Tensor or dict[str, Tensor]): See :meth:`extract_feat`.
            data_samples (list[ActionDataSample]): They carry the sample ids.

        Returns:
            dict[str, Tensor]: ``loss_{modality}_{view}``, weighted, and
            ``acc_{modality}_{view}``, of triplets or, with a head that ranks
            the bank, of anchors; with ``own_clip_weight`` also
            ``loss_{modality}_{view}_own`` and ``acc_{modality}_{view}_own``.

        Raises:
            RuntimeError: If no labels have been made yet.
            KeyError: If a sample has no id or no row in the bank.
            ValueError: If a loss is not finite; the message names the
                samples. If samples should have several clips and have not.
        """
        if self.train_bank is None:
            raise RuntimeError(
                'MultiViewRanker has no ranking labels yet: add '
                "dict(type='RankLabelHook') to `custom_hooks`."
            )
        rows = self.train_bank.rows([sample_id_of(s) for s in data_samples])
        clips = inputs
        if self.own_clip_weight:
            parts = self._split_modalities(inputs)
            clips, count = _clips_apart(
                {name: parts[name] for name in self.modalities}
            )
            rows = rows.repeat_interleave(count)
        pool = self._pool(rows)
        if len(pool.rows.unique()) < MIN_BATCH:
            self.skipped_batches += 1
            # zero, yet tied to every parameter: other ranks wait for them
            zero = sum(
                p.sum() * 0.0 for p in self.parameters() if p.requires_grad
            )
            return dict(loss_skipped=zero)
        # Label-only encoders are not run: their part is in the bank.
        features = self.extract_feat(clips, self.train_modalities)
        if isinstance(pool, GlobalPool):
            check_features(self, inputs, data_samples, features)
        gathered = pool.gather(features)
        if self._ranks_bank:
            statistics = self._rank_bank(features, rows)
        else:
            statistics = self._rank(
                gathered, pool.rows, self.train_bank, pool.anchors
            )
        if self.own_clip_weight:
            statistics.update(
                self._rank_own_clips(gathered, pool.rows, pool.anchors)
            )
        losses = {}
        for key, result in pool.total(statistics).items():
            name, weight = '_'.join(key), self.view_weights[key[1]]
            if key[2:] == _OWN:
                weight *= self.own_clip_weight
            losses[f'loss_{name}'] = weight * result.loss
            losses[f'acc_{name}'] = result.accuracy
        check_losses(self, inputs, data_samples, losses)
        return losses

    def _pool(self, rows: Tensor) -> Union[LocalPool, GlobalPool]:
        if self.triplet_pool == 'global' and get_world_size() > 1:
            return GlobalPool(rows)
        return LocalPool(rows)

    def pool_size(self, batch_size: int) -> int:
        """Samples that form triplets together in a step.

        Args:
            batch_size (int): Of each process.

        Returns:
            int: As many, or those of all processes.
        """
        if self.triplet_pool == 'global':
            return batch_size * get_world_size()
        return batch_size

    def rank(
        self,
        features: Dict[str, Tensor],
        ids: Sequence[str],
        bank: FeatureBank,
    ) -> Dict[tuple, TripletStatistics]:
        """Rank all triplets of a set of samples, by every head.

        Args:
            features (dict[str, Tensor]): For each learning modality
                ``(B, D)``, from the encoder as it is now.
            ids (Sequence[str]): Their ``B`` samples.
            bank (FeatureBank): Frozen features, which give the labels.

        Returns:
            dict[tuple, TripletStatistics]: By ``(modality, view)``;
            unweighted.

        Raises:
            RuntimeError: If memory does not hold their tables of pairs.
        """
        return self._rank(features, bank.rows(ids), bank)

    def _rank(
        self,
        features: Dict[str, Tensor],
        rows: Tensor,
        bank: FeatureBank,
        anchors: Optional[slice] = None,
    ) -> Dict[tuple, TripletStatistics]:
        """The same by rows of the bank, for all samples or some as anchors."""
        device = next(iter(features.values())).device
        some = {} if anchors is None else dict(anchors=anchors)
        with out_of_memory_explained(len(rows)):
            distances = {
                name: pairwise_distance(value.to(device), self.normalization)
                for name, value in bank.lookup(rows).items()
            }
            if anchors is not None:
                distances = {k: v[anchors] for k, v in distances.items()}
            valid = valid_pairs(rows).to(device)
            return {
                (name, view): self.heads[name][view].loss(
                    features[name],
                    view_distance(distances, name, view),
                    valid,
                    **some,
                )
                for name, view in self._heads()
            }

    def _heads(self) -> List[Tuple[str, str]]:
        return [
            (name, view)
            for name in self.train_modalities
            for view in self.views
        ]

    @property
    def _one_head(self) -> nn.Module:
        """Any of the heads, which are alike but for what they have learnt."""
        return self.heads[self.train_modalities[0]][self.views[0]]

    def _rank_bank(
        self, features: Dict[str, Tensor], rows: Tensor
    ) -> Dict[tuple, TripletStatistics]:
        """Rank the samples of the bank for every sample of the batch."""
        known = self._neighbourhoods
        if known is None or known.bank is not self.train_bank:
            known = self._neighbourhoods = Neighbourhoods(
                self.train_bank,
                self._heads(),
                self._one_head.neighbourhood,
                self._one_head.num_samples,
                self.normalization,
                next(iter(features.values())).device,
            )
        return {
            (name, view): self.heads[name][view].bank_loss(
                features[name], known.near((name, view), rows)
            )
            for name, view in self._heads()
        }

    def _rank_own_clips(
        self,
        features: Dict[str, Tensor],
        rows: Tensor,
        anchors: Optional[slice] = None,
    ) -> Dict[tuple, TripletStatistics]:
        """Likewise, of the triplets with another clip of the anchor's."""
        with out_of_memory_explained(len(rows)):
            return {
                (name, view, *_OWN): self.heads[name][view].own_clip_loss(
                    features[name], rows, anchors
                )
                for name, view in self._heads()
            }


def _clips_apart(parts: Mapping[str, Tensor]) -> Tuple[Dict[str, Tensor], int]:
    """Each clip as a sample of its own, and how many a sample has.

    Args:
        parts (Mapping[str, Tensor]): For each modality
            ``(B, clips, M, T, V, C)``.

    Returns:
        tuple[dict[str, Tensor], int]: For each modality
        ``(B x clips, 1, M, T, V, C)``, the clips of a sample side by side.

    Raises:
        ValueError: If these are no skeletons, or samples have one clip, or
            modalities different numbers.
    """
    shapes = {name: tuple(value.shape) for name, value in parts.items()}
    if any(len(shape) != 6 for shape in shapes.values()):
        raise ValueError(
            '`own_clip_weight` needs skeletons (B, clips, M, T, V, C), got '
            f'{shapes}.'
        )
    counts = {shape[1] for shape in shapes.values()}
    if len(counts) > 1 or counts == {1}:
        raise ValueError(
            '`own_clip_weight` ranks the clips of a sample, two or more in '
            f'every modality, but the inputs are {shapes}: put the random '
            'steps of the pipeline into AugmentClips.'
        )
    apart = {
        name: value.flatten(0, 1).unsqueeze(1) for name, value in parts.items()
    }
    return apart, counts.pop()
