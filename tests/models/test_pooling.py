import pytest
import torch

from deeprank_mm.models.pooling import pool_features


def test_skeletons_are_pooled_as_mmaction2_does():
    from mmaction.models import GCNHead

    head = GCNHead(4, 6)
    output = torch.randn(3, 2, 6, 5, 7)
    logits = head(output)
    torch.testing.assert_close(head.fc(pool_features(output)), logits)


def test_images_vectors_and_stages():
    image = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(pool_features(image), image.mean((2, 3)))
    vector = torch.randn(2, 3)
    assert pool_features((image, vector)) is vector


def test_anything_else_is_an_error():
    with pytest.raises(ValueError, match=r'shape \(2, 3, 4\)'):
        pool_features(torch.zeros(2, 3, 4))
