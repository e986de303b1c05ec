import random

import numpy as np
import torch

from deeprank_mm.randomness import key_of, keyed_randomness, seed_everything

# of (0, 3, 'a01'), noted down once
KEY = 67296490086712187114414821589017210869


def draw():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_a_key_is_the_same_on_every_machine():
    assert key_of(0, 3, 'a01') == KEY
    assert key_of('1', 2) != key_of(1, '2') != key_of(12)
    assert 0 <= key_of('x') < 2**128
    # a file name that is not UTF-8 reads so
    assert key_of('\ud800') != key_of('\ud801')


def test_keyed_numbers_depend_on_the_key_alone():
    with keyed_randomness(0, 1, 'a'):
        first = draw()
    draw()
    with keyed_randomness(0, 1, 'a'):
        assert draw() == first
    with keyed_randomness(0, 1, 'b'):
        other = draw()
    assert all(a != b for a, b in zip(first, other))


def test_the_generators_go_on_afterwards():
    seed_everything('x')
    expected = draw(), draw()
    seed_everything('x')
    first = draw()
    try:
        with keyed_randomness('y'):
            draw()
            raise RuntimeError
    except RuntimeError:
        pass
    assert (first, draw()) == expected
