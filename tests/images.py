"""mmpretrain, and a CIFAR-100 as it reads one, for the tests of images."""

import pickle

import numpy as np
import pytest


def needs_mmpretrain():
    """Skip, and say why, where mmpretrain cannot be imported."""
    try:
        import mmpretrain.datasets
        import mmpretrain.models  # noqa: F401
    except Exception as error:  # a torchvision that does not fit raises any
        pytest.skip(
            f'mmpretrain cannot be imported ({type(error).__name__}: {error}):'
            " pip install -e '.[lite,images]'"
        )


def fake_cifar100(folder, train=40, test=8):
    """Random images in the files of CIFAR-100.

    Args:
        folder (Path): The ``data_root``.
        train (int): Training images.
        test (int): Test images.
    """
    rng = np.random.default_rng(0)
    base = folder / 'cifar-100-python'
    base.mkdir(parents=True)
    for name, count in (('train', train), ('test', test)):
        content = dict(
            data=rng.integers(0, 256, (count, 3072)).astype(np.uint8),
            fine_labels=[i % 4 for i in range(count)],
            filenames=[f'{i}.png' for i in range(count)],
        )
        (base / name).write_bytes(pickle.dumps(content))
    names = dict(fine_label_names=[f'class {i}' for i in range(100)])
    (base / 'meta').write_bytes(pickle.dumps(names))
