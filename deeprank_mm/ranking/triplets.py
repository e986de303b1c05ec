"""Every ordered triplet of a batch: labels, loss and accuracy.

Eqs. 2 and 13 label a triplet (anchor a, candidates c1, c2) by comparing two
distances; eqs. 8 and 20 predict that label by a two-class softmax over
``FC1(f1 - f2)``; eqs. 9 and 21 take its cross-entropy. Because FC1 is linear,
the logit of "c1 is closer" against "c2 is closer" is the difference of two
numbers that each belong to one (anchor, candidate) pair::

    z[a, c1, c2] = score[a, c1] - score[a, c2] + bias

So a (B, B) table of scores carries all P(B, 3) triplets, and the loss is a
softplus of ``z``, signed by the label. Nothing here ever gathers a triplet.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# Elements of the (anchors, B, B) block that is walked at a time: a few
# temporaries of this size in float32 stay within about 100 MB.
_BLOCK_ELEMENTS = 1 << 21


class TripletStatistics(NamedTuple):
    """What one walk over all triplets yields; all but ``loss`` are detached.

    Attributes:
        loss (Tensor): Mean cross-entropy over the valid triplets, scalar.
        accuracy (Tensor): Share of triplets whose label is predicted, scalar.
        triplets (Tensor): Number of valid ordered triplets, int64 scalar.
        ties (Tensor): How many of them have two equal distances: their label
            is the second class in both orders (eq. 2), int64 scalar.
    """

    loss: Tensor
    accuracy: Tensor
    triplets: Tensor
    ties: Tensor


def valid_pairs(rows: Tensor) -> Tensor:
    """Pairs of distinct samples.

    Two positions of a batch that hold the same sample have distance zero to
    each other and equal distances to everything else: a triplet with both
    has no meaningful label and would break the balance of the two classes.

    Args:
        rows (Tensor): ``(B, )``, an integer that names each sample.

    Returns:
        Tensor: ``(B, B)`` bool, False where both are the same sample, so
        always on the diagonal.
    """
    return rows[:, None] != rows[None, :]


def triplet_ranking_loss(
    scores: Tensor,
    distances: Tensor,
    bias: Optional[Tensor] = None,
    valid: Optional[Tensor] = None,
    anchors: Optional[slice] = None,
) -> TripletStatistics:
    """Exact mean ranking loss over all ordered triplets of a batch.

    Costs B^3 scalar operations, walked in blocks of anchors, so memory grows
    with B^2 only. Gradients are exact and computed in the same walk.

    Args:
        scores (Tensor): ``(A, B)``, ``[a, c]`` how close candidate ``c`` is
            to anchor ``a`` in the eyes of the head; higher is closer.
        distances (Tensor): ``(A, B)`` view distances that give the labels.
        bias (Tensor, optional): Scalar added to every ``score[a, c1] -
            score[a, c2]``: the difference of the two biases of FC1.
        valid (Tensor, optional): ``(B, B)`` bool, symmetric
            (:func:`valid_pairs`). A triplet counts if its three pairs do.
            Defaults to all but the diagonal.
        anchors (slice, optional): Which ``A`` of the ``B`` samples are the
            rows of ``scores`` and ``distances``. Only their triplets count.
            Defaults to all.

    Returns:
        TripletStatistics: Differentiable in ``scores`` and ``bias``. Without
        any valid triplet the loss is zero (with zero gradient) and the
        accuracy is nan.

    Raises:
        ValueError: If the shapes do not fit.
    """
    size = scores.shape[-1]
    anchors = anchors or slice(None)
    rows = len(range(size)[anchors])
    for name, table, wanted in (
        ('scores', scores, (rows, size)),
        ('distances', distances, (rows, size)),
        ('valid', valid, (size, size)),
    ):
        if table is not None and tuple(table.shape) != wanted:
            raise ValueError(
                f'`{name}` must have the shape {wanted}, got '
                f'{tuple(table.shape)} beside scores {tuple(scores.shape)}.'
            )
    if valid is None:
        valid = _all_pairs(size, scores.device)
    if bias is None:
        bias = scores.new_zeros(())
    with torch.autocast(scores.device.type, enabled=False):
        # bf16 and half lose the small differences that the loss is made of
        if scores.dtype in (torch.bfloat16, torch.float16):
            scores, bias = scores.float(), bias.float()
        return TripletStatistics(
            *_AllTriplets.apply(scores, bias, distances, valid, anchors)
        )


def own_clip_loss(
    scores: Tensor,
    rows: Tensor,
    bias: Optional[Tensor] = None,
    anchors: Optional[slice] = None,
) -> TripletStatistics:
    """Mean ranking loss of the triplets whose label needs no bank.

    Where a batch holds several clips of a sample, another clip of the
    anchor's own sample is closer than any clip of another sample: eq. 2 with
    a distance of zero. These triplets are left out of
    :func:`triplet_ranking_loss` (:func:`valid_pairs`), where they would be
    one of B / 2; here they have a mean of their own, over both orders.

    Args:
        scores (Tensor): ``(A, B)``, as in :func:`triplet_ranking_loss`.
        rows (Tensor): ``(B, )``, an integer that names each clip's sample.
        bias (Tensor, optional): As in :func:`triplet_ranking_loss`.
        anchors (slice, optional): As in :func:`triplet_ranking_loss`.

    Returns:
        TripletStatistics: Differentiable in ``scores`` and ``bias``. Where
        there is no such triplet the loss is zero (with zero gradient) and
        the accuracy is nan.

    Raises:
        ValueError: If the shapes do not fit.
    """
    anchors = anchors or slice(None)
    wanted = (len(range(len(rows))[anchors]), len(rows))
    if tuple(scores.shape) != wanted:
        raise ValueError(
            f'`scores` must have the shape {wanted} for {len(rows)} rows, '
            f'got {tuple(scores.shape)}.'
        )
    rows = rows.to(scores.device)
    same = (rows[:, None] == rows)[anchors]
    own = same & _all_pairs(len(rows), rows.device)[anchors]
    anchor, clip = own.nonzero(as_tuple=True)
    bias = scores.new_zeros(()) if bias is None else bias
    with torch.autocast(scores.device.type, enabled=False):
        if scores.dtype in (torch.bfloat16, torch.float16):
            scores, bias = scores.float(), bias.float()
        z = scores[anchor, clip][:, None] - scores[anchor]
        z = torch.stack([z + bias, z - bias])
        mask = ~same[anchor].expand_as(z)
        total = mask.count_nonzero()
        loss = F.softplus(-z).mul(mask).sum() / total.clamp_min(1)
    # a tie is the second class, as in eq. 2
    right = torch.stack([z[0] > 0, z[1] >= 0])
    hits = (right & mask).count_nonzero()
    return TripletStatistics(
        loss,
        (hits.double() / total).to(scores.dtype),
        total,
        torch.zeros_like(total),
    )


def _all_pairs(size: int, device: torch.device) -> Tensor:
    """All pairs of different positions of a (B, B) table."""
    return ~torch.eye(size, dtype=torch.bool, device=device)


def _anchor_blocks(
    valid: Tensor, anchors: slice = slice(None)
) -> Iterator[Tuple[slice, Tensor]]:
    """Walk the anchors: some rows, and the mask (rows, c1, c2) of triplets.

    A triplet counts if its three pairs do.
    """
    size = len(valid)
    step = max(1, _BLOCK_ELEMENTS // max(1, size * size))
    own = valid[anchors]
    for start in range(0, len(own), step):
        block = slice(start, start + step)
        yield (
            block,
            own[block, :, None] & own[block, None, :] & valid[None],
        )


def _label(distances: Tensor) -> Tuple[Tensor, Tensor]:
    """Eqs. 2 and 13 for some anchors' rows: is c1 closer, is it a tie."""
    first, second = distances[:, :, None], distances[:, None, :]
    return first < second, first == second


class _AllTriplets(torch.autograd.Function):
    """Loss, accuracy and counts in one walk that also leaves the gradient.

    With ``t = +1`` where the label is "c1 is closer" and ``-1`` elsewhere the
    loss of a triplet is ``softplus(-t z)``, with derivative
    ``-t sigmoid(-t z)`` in z. A score takes part as candidate 1 with sign
    plus and as candidate 2 with sign minus.
    """

    @staticmethod
    def forward(
        ctx,
        scores: Tensor,
        bias: Tensor,
        distances: Tensor,
        valid: Tensor,
        anchors: slice,
    ) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        loss = scores.new_zeros((), dtype=torch.float64)
        counts = torch.zeros(3, dtype=torch.int64, device=scores.device)
        grad = torch.zeros_like(scores)
        grad_bias = scores.new_zeros((), dtype=torch.float64)

        for block, mask in _anchor_blocks(valid, anchors):
            first, tie = _label(distances[block])
            score = scores[block]
            z = score[:, :, None] - score[:, None, :]
            z += bias
            counts[0] += mask.count_nonzero()
            counts[1] += (((z > 0) == first) & mask).count_nonzero()
            counts[2] += (tie & mask).count_nonzero()

            # -t, or 0 for a triplet that does not count: then x = -t z
            weight = mask.to(scores.dtype)
            sign = weight.masked_fill(first & mask, -1.0)
            x = z.mul_(sign)
            loss += F.softplus(x).mul_(weight).sum(dtype=torch.float64)
            slope = x.sigmoid_().mul_(sign)
            grad[block] = slope.sum(dim=2) - slope.sum(dim=1)
            grad_bias += slope.sum(dtype=torch.float64)

        total = counts[0].clamp_min(1)
        ctx.save_for_backward(
            (grad / total).to(scores.dtype), (grad_bias / total).to(bias.dtype)
        )
        mean = (loss / total).to(scores.dtype)
        accuracy = (counts[1].double() / counts[0]).to(scores.dtype)
        triplets, ties = counts[0].clone(), counts[2].clone()
        ctx.mark_non_differentiable(accuracy, triplets, ties)
        return mean, accuracy, triplets, ties

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_loss, *unused):
        grad, grad_bias = ctx.saved_tensors
        return grad * grad_loss, grad_bias * grad_loss, None, None, None


@torch.no_grad()
def compare_labels(
    distances: Tensor, other: Tensor, valid: Optional[Tensor] = None
) -> Tuple[int, int, int]:
    """Count how often two distance tables label the same triplet differently.

    Serves the label-flip rate between two cycles and the disagreement of two
    views (Fig. 4).

    Args:
        distances (Tensor): ``(B, B)``.
        other (Tensor): ``(B, B)``.
        valid (Tensor, optional): ``(B, B)`` bool, see :func:`valid_pairs`.

    Returns:
        tuple[int, int, int]: Number of valid ordered triplets, of those whose
        labels differ, and of those tied in ``distances``.
    """
    if valid is None:
        valid = _all_pairs(len(distances), distances.device)
    total = differ = ties = 0
    for block, mask in _anchor_blocks(valid):
        label, tie = _label(distances[block])
        second, _ = _label(other[block])
        total += int(mask.sum())
        differ += int(((label != second) & mask).sum())
        ties += int((tie & mask).sum())
    return total, differ, ties
