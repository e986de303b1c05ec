"""Do all processes take part in every step of an epoch?"""

from __future__ import annotations

from mmengine.dist import all_gather_object
from torch.utils.data import DataLoader


def check_equal_batches(loader: DataLoader) -> None:
    """Refuse a sampler that gives processes different numbers of batches.

    The one with a batch more would wait for the others for ever.

    Args:
        loader (DataLoader): Of the training data, on every process.

    Raises:
        ValueError: If the numbers differ, on all processes.
    """
    numbers = all_gather_object(len(loader))
    if len(set(numbers)) > 1:
        raise ValueError(
            'The processes have different numbers of training batches '
            f'({", ".join(map(str, numbers))}), so one of them would wait '
            'for the others for ever: use a sampler that fills up, such as '
            "dict(type='DefaultSampler', shuffle=True, round_up=True)."
        )
