import pytest
import torch
from mmaction.registry import MODELS

from deeprank_mm.models.pooling import encode
from tests import toy


def build(kind='STGCN', **options):
    return MODELS.build(dict(toy.ENCODER, type=kind, **options))


@pytest.mark.parametrize(
    'options, shape, message',
    [
        # as many numbers a frame as 5 joints of 3 channels
        ({}, (2, 1, 1, 8, 3, 5), 'STGCN .* 5 joints and got 3: .*graph_cfg'),
        ({}, (2, 1, 1, 8, 5, 2), '3 channels and got 2: .*in_channels=2'),
        (
            dict(kind='AAGCN', num_person=2),
            (2, 1, 1, 8, 5, 3),
            'AAGCN .* 2 persons a clip and got 1: .*num_person',
        ),
        ({}, (1, 1, 1, 1, 5, 3), 'one clip of one frame.*length'),
    ],
)
def test_what_does_not_fit_is_named(options, shape, message):
    with pytest.raises(ValueError, match=message):
        encode(build(**options), torch.randn(shape))


def test_what_fits_is_encoded():
    one_frame = torch.randn(1, 1, 1, 1, 5, 3)
    assert encode(build().eval(), one_frame).shape == (1, toy.WIDTH)
    skeletons = torch.randn(2, 3, 4, 8, 5, 3)
    assert encode(build(), skeletons).shape == (2, toy.WIDTH)
    single = build(kind='AAGCN', num_person=4)
    assert encode(single, skeletons).shape == (2, toy.WIDTH)


def test_encoders_of_other_kinds_are_left_alone():
    assert encode(torch.nn.Flatten(), torch.ones(2, 1, 1, 8, 3, 5)).shape == (
        2,
        120,
    )
