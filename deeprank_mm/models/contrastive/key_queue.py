"""The keys of past batches, which are a batch's negatives."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class KeyQueue(nn.Module):
    """A ring of keys: the newest take the place of the oldest.

    Its content is part of the ``state_dict``, so that a resumed run goes on
    with the same negatives.

    Args:
        size (int): How many keys.
        width (int): Of a key.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        keys = F.normalize(torch.randn(size, width, device='cpu'))
        self.register_buffer('keys', keys)
        self.register_buffer('place', torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def push(self, keys: Tensor) -> None:
        """Put keys in.

        Args:
            keys (Tensor): ``(B, width)``; the last ones, if they are more
                than the queue holds.
        """
        size = len(self.keys)
        keys = keys[-size:].to(self.keys.dtype)
        places = torch.arange(len(keys), device=keys.device)
        self.keys[(self.place + places) % size] = keys
        self.place.copy_((self.place + len(keys)) % size)
