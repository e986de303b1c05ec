"""The paper's formulas written out triplet by triplet, in float64.

Slow on purpose: this is the independent reference that the fast code is
checked against.
"""

from itertools import permutations

import torch
import torch.nn.functional as F


def all_triplets(size):
    """Index tensors a, c1, c2 of every ordered triplet of distinct items."""
    index = torch.tensor(list(permutations(range(size), 3)))
    return index.T if len(index) else torch.empty(3, 0, dtype=torch.long)


def literal_loss(features, distances, w0, b0, w1, b1, act=None, rows=None):
    """Eqs. 2, 7, 8, 9: gather every triplet, concatenate, classify.

    Returns mean loss, accuracy and number of triplets.
    """
    size = len(features)
    a, c1, c2 = all_triplets(size)
    if rows is not None:
        ra, r1, r2 = rows[a], rows[c1], rows[c2]
        keep = (ra != r1) & (ra != r2) & (r1 != r2)
        a, c1, c2 = a[keep], c1[keep], c2[keep]
    label = torch.where(distances[a, c1] < distances[a, c2], 0, 1)  # eq. 2

    def intermediate(candidate):  # eq. 7
        pair = torch.cat([features[a], features[candidate]], dim=1)
        out = F.linear(pair, w0, b0)
        return out if act is None else act(out)

    logits = F.linear(intermediate(c1) - intermediate(c2), w1, b1)  # eq. 8
    loss = F.cross_entropy(logits, label)  # eq. 9
    # eq. 8's softmax ties go to the second class, like eq. 2's
    predicted = torch.where(logits[:, 0] > logits[:, 1], 0, 1)
    accuracy = (predicted == label).double().mean()
    return loss, accuracy, len(a)


def distance(x, y, mode):
    """Eq. 3 for two vectors, after Table I's normalisation."""

    def norm(v):
        if mode == 'l2':
            return v / v.pow(2).sum().sqrt()
        if mode == 'l1':
            return v / v.abs().sum()
        if mode == 'minmax':
            return (v - v.min()) / (v.max() - v.min())
        return v

    return (norm(x) - norm(y)).pow(2).sum().sqrt()
