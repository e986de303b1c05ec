"""What to do when a batch is too large to be ranked."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

# torch says it in several ways, by the device and its version
_OUT_OF_MEMORY = (
    'out of memory',
    "can't allocate memory",
    'not enough memory',
)


@contextmanager
def out_of_memory_explained(samples: int) -> Iterator[None]:
    """Turn a failed allocation into an error that says what was too large.

    Args:
        samples (int): How many samples are ranked at once.

    Yields:
        None: While they are.

    Raises:
        RuntimeError: If memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        size = samples**2 * 4 / 2**30
        raise RuntimeError(
            f'Out of memory while ranking {samples} samples at once: it takes '
            f'several tables of {samples} x {samples} numbers, {size:.3g} GiB '
            'each; lower train_dataloader.batch_size (or the block_size of '
            'RankingMetric, if it was validating).'
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in text for words in _OUT_OF_MEMORY
    )
