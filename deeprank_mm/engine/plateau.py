"""When has the validation loss become stable?"""

from __future__ import annotations

import math


class Plateau:
    """Counts how long a value that should fall has not fallen.

    Args:
        patience (int): Readings without progress that make a plateau.
        min_delta (float): By how much a reading must fall below the best to
            be progress.

    Raises:
        ValueError: If ``patience`` is under 1 or ``min_delta`` negative.
    """

    def __init__(self, patience: int, min_delta: float) -> None:
        if patience < 1 or min_delta < 0:
            raise ValueError(
                f'A plateau needs patience >= 1 and min_delta >= 0, got '
                f'{patience} and {min_delta}.'
            )
        self.patience = patience
        self.min_delta = min_delta
        self.reset()

    def reset(self) -> None:
        """Forget all readings: new labels make losses incomparable."""
        self.best = math.inf
        self.stale = 0

    def update(self, value: float) -> bool:
        """Take in a reading.

        Args:
            value (float): The validation loss.

        Returns:
            bool: Whether it is stable now.
        """
        if value < self.best - self.min_delta:
            self.best, self.stale = value, 0
        else:
            self.stale += 1
        return self.stale >= self.patience

    def state_dict(self) -> dict:
        """dict: What to save."""
        return dict(best=self.best, stale=self.stale)

    def load_state_dict(self, state: dict) -> None:
        """Take up saved readings.

        Args:
            state (dict): From :meth:`state_dict`.
        """
        self.best, self.stale = state['best'], state['stale']
