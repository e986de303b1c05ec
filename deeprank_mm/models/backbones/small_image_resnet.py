"""ResNet for images of a few dozen pixels."""

from mmaction.models.backbones import ResNet
from mmaction.registry import MODELS
from mmcv.cnn import ConvModule
from torch import nn


@MODELS.register_module()
class SmallImageResNet(ResNet):
    """MMAction2's ``ResNet`` without the four-fold reduction at its entrance.

    A 3 x 3 convolution of stride 1 and no pooling, as is usual on CIFAR:
    otherwise an image of 32 x 32 pixels is a single one before the last
    stage. All else, and all arguments, are MMAction2's.
    """

    def _make_stem_layer(self) -> None:
        self.conv1 = ConvModule(
            self.in_channels,
            64,
            kernel_size=3,
            padding=1,
            bias=False,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )
        self.maxpool = nn.Identity()
