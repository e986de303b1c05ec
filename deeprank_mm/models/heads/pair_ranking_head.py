"""Heads whose logit is a difference of two (anchor, candidate) scores."""

from __future__ import annotations

from abc import abstractmethod
from typing import Optional, Tuple

import torch
from mmengine.model import BaseModule
from torch import Tensor

from deeprank_mm.ranking import (
    TripletStatistics,
    own_clip_loss,
    triplet_ranking_loss,
)


class PairRankingHead(BaseModule):
    """Base of the heads that factor into pairs.

    A table of pair scores carries all ordered triplets of a batch
    (:mod:`deeprank_mm.ranking.triplets`), so none of them is drawn or left
    out. Subclasses say how a pair is scored.

    Attributes:
        sees_anchor (bool): Whether the logit of a triplet depends on its
            anchor.
    """

    sees_anchor = False

    @abstractmethod
    def forward(
        self, features: Tensor, anchors: Optional[slice] = None
    ) -> Tuple[Tensor, Tensor]:
        """Score every (anchor, candidate) pair.

        Args:
            features (Tensor): ``(B, D)``.
            anchors (slice, optional): Which ``A`` samples are anchors.
                Defaults to all.

        Returns:
            tuple[Tensor, Tensor]: ``(A, B)`` scores, ``[a, c]``, higher for
            a closer candidate, and the scalar that is added to each
            difference of two scores. The logit of "c1 is closer" against
            "c2 is closer" is ``scores[a, c1] - scores[a, c2] + bias``.

        Raises:
            ValueError: If the features have another width than the head.
        """

    def loss(
        self,
        features: Tensor,
        distances: Tensor,
        valid: Optional[Tensor] = None,
        anchors: Optional[slice] = None,
    ) -> TripletStatistics:
        """Cross-entropy over all ordered triplets (eq. 9), in float32.

        Args:
            features (Tensor): ``(B, D)``, from the encoder that learns.
            distances (Tensor): ``(A, B)`` view distances of the same samples,
                from the feature bank: they give the labels.
            valid (Tensor, optional): ``(B, B)`` bool, pairs of distinct
                samples. Defaults to all but the diagonal.
            anchors (slice, optional): Which ``A`` samples are anchors: the
                rows of ``distances``. Defaults to all.

        Returns:
            TripletStatistics: Loss, accuracy, number of triplets and ties.
        """
        scores, bias = self._scores(features, anchors)
        return triplet_ranking_loss(scores, distances, bias, valid, anchors)

    def own_clip_loss(
        self,
        features: Tensor,
        rows: Tensor,
        anchors: Optional[slice] = None,
    ) -> TripletStatistics:
        """Cross-entropy over the triplets with another clip of the anchor's.

        Args:
            features (Tensor): ``(B, D)`` of clips, from the encoder that
                learns.
            rows (Tensor): ``(B, )``, an integer that names each clip's
                sample.
            anchors (slice, optional): Which ``A`` clips are anchors. Defaults
                to all.

        Returns:
            TripletStatistics: See
            :func:`~deeprank_mm.ranking.own_clip_loss`.
        """
        scores, bias = self._scores(features, anchors)
        return own_clip_loss(scores, rows, bias, anchors)

    def _scores(
        self, features: Tensor, anchors: Optional[slice]
    ) -> Tuple[Tensor, Tensor]:
        """The same as :meth:`forward`, in float32 at least."""
        # as the weights; without any, at least float32
        weight = next(self.parameters(), None)
        dtype = (
            torch.promote_types(features.dtype, torch.float32)
            if weight is None
            else weight.dtype
        )
        with torch.autocast(features.device.type, enabled=False):
            return self(features.to(dtype), anchors)
