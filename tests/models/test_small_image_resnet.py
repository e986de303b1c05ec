import pytest
import torch
from mmaction.models.backbones import ResNet
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope

from deeprank_mm.models import SmallImageResNet


@pytest.mark.parametrize('size, expected', [(32, 4), (8, 1)])
def test_three_stages_halve_and_the_entrance_does_not(size, expected):
    net = SmallImageResNet(depth=18, out_indices=(0, 1, 2, 3))
    net.eval()  # which MMAction2's ends without returning it
    with torch.no_grad():
        stages = net(torch.randn(1, 3, size, size))
    assert [stage.shape[1] for stage in stages] == [64, 128, 256, 512]
    assert [stage.shape[2] for stage in stages] == [
        expected * 2**k for k in (3, 2, 1, 0)
    ]


def test_it_differs_from_mmaction2s_in_its_entrance_alone():
    ours, theirs = (
        {k: v.shape for k, v in cls(depth=18).state_dict().items()}
        for cls in (SmallImageResNet, ResNet)
    )
    assert list(ours) == list(theirs)
    assert {k for k in ours if ours[k] != theirs[k]} == {'conv1.conv.weight'}
    assert ours['conv1.conv.weight'] == (64, 3, 3, 3)


def test_a_ranker_takes_images():
    with DefaultScope.overwrite_default_scope('mmaction'):
        ranker = MODELS.build(
            dict(
                type='MultiViewRanker',
                encoder=dict(type='SmallImageResNet', depth=18, in_channels=1),
                head=dict(type='TripletRankingHead', in_channels=512),
                modalities=['image'],
            )
        )
    ranker.init_weights()
    images = torch.randn(4, 1, 8, 8)
    ranker.eval()
    with torch.no_grad():
        features = ranker.extract_feat(images)
        expected = ranker.encoders['image'](images)[..., 0, 0]
    torch.testing.assert_close(features, dict(image=expected))
