"""Random numbers that depend on what they are for, and on nothing else."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Union

import numpy as np
import torch

__all__ = ['key_of', 'keyed_randomness', 'seed_everything']


def key_of(*parts: Union[int, str]) -> int:
    """A number that parts in this order always give, on every machine.

    Args:
        *parts (int or str): What the random numbers are for.

    Returns:
        int: 128 bits.
    """
    text = '\0'.join(f'{type(part).__name__}{part}' for part in parts)
    # any text is a key, also one that UTF-8 does not allow for
    content = text.encode(errors='surrogatepass')
    return int.from_bytes(
        hashlib.blake2b(content, digest_size=16).digest(), 'little'
    )


def seed_everything(*parts: Union[int, str]) -> None:
    """Seed ``random``, ``np.random`` and ``torch`` by a key.

    Args:
        *parts (int or str): See :func:`key_of`.
    """
    key = key_of(*parts)
    random.seed(key)
    np.random.seed([key >> shift & 0xFFFFFFFF for shift in range(0, 128, 32)])
    torch.manual_seed(key & 0x7FFFFFFFFFFFFFFF)


@contextmanager
def keyed_randomness(*parts: Union[int, str]) -> Iterator[None]:
    """Give ``random``, ``np.random`` and ``torch`` keyed numbers for a while.

    Args:
        *parts (int or str): See :func:`key_of`.

    Yields:
        None: With the generators (torch's on the CPU) seeded; afterwards
        they go on as if nothing had been drawn.
    """
    key = key_of(*parts)
    python, torch_state = random.getstate(), torch.get_rng_state()
    # swapping generators is 20 times faster than copying numpy's state
    numpy_generator = np.random.get_bit_generator()
    random.seed(key)
    words = np.frombuffer(key.to_bytes(16, 'little'), dtype='<u4')
    np.random.set_bit_generator(np.random.PCG64(words))  # as of the number
    # not torch.manual_seed, which would also seed every GPU
    torch.default_generator.manual_seed(key & 0x7FFFFFFFFFFFFFFF)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_bit_generator(numpy_generator)
        torch.set_rng_state(torch_state)
