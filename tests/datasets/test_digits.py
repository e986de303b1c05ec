import numpy as np
import pytest
from mmaction.registry import DATASETS
from mmengine.registry import DefaultScope
from sklearn.datasets import load_digits


def build(split):
    with DefaultScope.overwrite_default_scope('mmaction'):
        return DATASETS.build(dict(type='DigitsDataset', split=split))


def test_the_two_splits_are_all_of_scikit_learns_images():
    train, test = build('train'), build('test')
    assert (len(train), len(test)) == (1197, 600)
    digits = load_digits()
    samples = [
        part.get_data_info(i)
        for part in (train, test)
        for i in range(len(part))
    ]
    images = np.stack([sample['img'] for sample in samples])
    assert images.dtype == np.uint8 and images.shape == (1797, 8, 8, 1)
    np.testing.assert_array_equal(images[..., 0], digits.images)
    labels = [sample['gt_label'] for sample in samples]
    assert labels == digits.target.tolist()
    assert set(labels[:1197]) == set(labels[1197:]) == set(range(10))


def test_an_unknown_split():
    with pytest.raises(ValueError, match="'train' or 'test', got 'val'"):
        build('val')
