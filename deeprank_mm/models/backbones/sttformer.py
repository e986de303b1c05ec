"""Spatio-temporal tuples transformer, arXiv 2201.02849."""

from __future__ import annotations

import math
from typing import Dict, List, Sequence, Union

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from deeprank_mm.arguments import check_arguments

from .tuple_mixing import mix_tuples

# (in_channels, out_channels, qkv_channels) of the paper's eight blocks.
PAPER_CONFIG = (
    (64, 64, 16),
    (64, 64, 16),
    (64, 128, 32),
    (128, 128, 32),
    (128, 256, 64),
    (256, 256, 64),
    (256, 256, 64),
    (256, 256, 64),
)
_SLOPE = 0.1


class PositionEncoding(nn.Module):
    """Sine and cosine of a joint's place in its tuple.

    The table does not depend on the tuple, so that it fits clips of any
    length, and it is no weight: it is not part of the ``state_dict``.

    Args:
        channels (int): Feature width.
        length (int): Joints in a tuple.
    """

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        position = torch.arange(length).float()
        rate = torch.exp(
            torch.arange(0, channels, 2).float()
            * -(math.log(10000.0) / channels)
        )[:, None]
        table = torch.empty(channels, length)
        table[0::2] = torch.sin(position * rate)
        table[1::2] = torch.cos(position * rate[: channels // 2])
        self.register_buffer('pe', table[None, :, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Add the encoding to features ``(N, C, tuples, length)``."""
        return x + self.pe


class TupleBlock(nn.Module):
    """Attention between the joints of a tuple, then between tuples.

    Features are ``(N, C, tuples, joints of a tuple)``, and lie in memory
    with the channels last: convolutions are about twice as fast on a CPU
    that way, and attention and convolution share the layout without copies.

    Args:
        in_channels (int): Width of the input.
        out_channels (int): Width of the output.
        qkv_channels (int): Width of a head's queries and keys.
        length (int): Joints in a tuple.
        num_heads (int): Heads.
        kernel_size (Sequence[int]): Over tuples and over joints, both odd.
        use_pes (bool): Whether queries and keys see the position.
        att_drop (float): Dropout on the attention map.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        qkv_channels: int,
        length: int,
        num_heads: int,
        kernel_size: Sequence[int],
        use_pes: bool,
        att_drop: float,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv_channels = qkv_channels
        over_tuples, over_joints = kernel_size
        # attribute names are those of the published weights
        self.pes = (
            PositionEncoding(in_channels, length) if use_pes else nn.Identity()
        )
        self.to_qkvs = nn.Conv2d(in_channels, 2 * num_heads * qkv_channels, 1)
        self.alphas = nn.Parameter(torch.ones(1, num_heads, 1, 1))
        self.att0s = nn.Parameter(
            torch.full((1, num_heads, length, length), 1.0 / length)
        )
        self.drop = nn.Dropout(att_drop)
        self.out_nets = _conv_bn(
            num_heads * in_channels, out_channels, (1, over_joints)
        )
        self.ff_net = _conv_bn(out_channels, out_channels)
        self.out_nett = _conv_bn(out_channels, out_channels, (over_tuples, 1))
        same = in_channels == out_channels
        self.ress = (
            nn.Identity() if same else _conv_bn(in_channels, out_channels)
        )
        self.rest = (
            nn.Identity() if same else _conv_bn(out_channels, out_channels)
        )

    def attention(self, x: Tensor) -> Tensor:
        """Weight of every joint of a tuple for every other one.

        It is one map a sample: the products of queries and keys are summed
        over tuples. There is no softmax but a tanh, scaled and biased by
        learnt numbers.

        Args:
            x (Tensor): ``(N, C, T, V)``.

        Returns:
            Tensor: ``(N, heads, V, V)``; the columns are the joints that are
            written, the rows those that are read.
        """
        n, _, t, v = x.shape
        qk = self.to_qkvs(self.pes(x)).permute(0, 2, 3, 1)
        qk = qk.unflatten(3, (2, self.num_heads, self.qkv_channels))
        # runs of qkv_channels numbers stay together in this one copy
        qk = qk.permute(3, 0, 4, 2, 1, 5).reshape(
            2, n * self.num_heads, v, t * self.qkv_channels
        )
        query, key = qk.unbind(0)
        score = torch.bmm(query, key.transpose(1, 2))
        score = score.unflatten(0, (n, self.num_heads))
        score = torch.tanh(score / (self.qkv_channels * t))
        return self.drop(torch.addcmul(self.att0s, score, self.alphas))

    def forward(self, x: Tensor) -> Tensor:
        """From ``(N, in_channels, T, V)`` to ``(N, out_channels, T, V)``."""
        attention = self.attention(x)
        conv, norm = self.out_nets
        y = norm(mix_tuples(x, attention, conv))
        shortcut = self.ress(x)
        y = _add_act(y, shortcut)
        y = _add_act(self.ff_net(y), shortcut)
        return _add_act(self.out_nett(y), self.rest(y))


def _conv_bn(
    in_channels: int, out_channels: int, kernel_size: Sequence[int] = (1, 1)
) -> nn.Sequential:
    """Convolution that keeps the size, and BatchNorm."""
    padding = (kernel_size[0] // 2, kernel_size[1] // 2)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding),
        nn.BatchNorm2d(out_channels),
    )


def _add_act(x: Tensor, shortcut: Tensor) -> Tensor:
    """Add and activate, in the memory of ``x``, which BatchNorm wrote.

    BatchNorm's backward does not read its output, and the activation's can
    read its own: fresh memory for each would cost more than the arithmetic.
    """
    return F.leaky_relu_(x.add_(shortcut), _SLOPE)


@MODELS.register_module()
class STTFormer(BaseModule):
    """Spatio-temporal tuples transformer (STTFormer), arXiv 2201.02849.

    A clip is cut into tuples of ``len_parts`` consecutive frames. In a block
    all joints of a tuple attend to each other, over frames as well; a
    convolution over tuples then joins them. Averaged over persons, tuples
    and joints, as MMAction2's ``GCNHead`` does, the output is what the
    official classifier reads; its dropout there is ``GCNHead``'s.

    Weights have the names of the official code, see
    :func:`.convert_sttformer`.

    Args:
        in_channels (int): Channels of a joint. Defaults to 3.
        num_joints (int): Joints of a skeleton. Defaults to 25.
        num_frames (int): Frames of a clip. It only checks the
            configuration: clips of other lengths are welcome as long as
            ``len_parts`` divides them. Defaults to 120.
        len_parts (int): Frames in a tuple. Defaults to 6.
        num_heads (int): Heads of the attention. Defaults to 3.
        kernel_size (Sequence[int]): Of the convolutions over tuples and over
            the joints of a tuple, both odd. Defaults to ``(3, 5)``.
        config (Sequence[Sequence[int]]): For each block its input width,
            output width and the width of a head's queries and keys.
            Defaults to the paper's eight blocks.
        use_pes (bool): Whether queries and keys see the position in the
            tuple. Defaults to True.
        att_drop (float): Dropout on attention maps. Defaults to 0.
        dropout2d (float): Dropout of whole joints of a tuple, with all of
            their channels, in the output. Defaults to 0.
        init_cfg (dict or list[dict], optional): Initialisation config; what
            it leaves out starts as in the official code.

    Raises:
        ValueError: If a size makes no sense; the message names it.
    """

    @check_arguments
    def __init__(
        self,
        in_channels: int = 3,
        num_joints: int = 25,
        num_frames: int = 120,
        len_parts: int = 6,
        num_heads: int = 3,
        kernel_size: Sequence[int] = (3, 5),
        config: Sequence[Sequence[int]] = PAPER_CONFIG,
        use_pes: bool = True,
        att_drop: float = 0.0,
        dropout2d: float = 0.0,
        init_cfg: Union[Dict, List[Dict], None] = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        _check_sizes(
            in_channels=in_channels,
            num_joints=num_joints,
            num_frames=num_frames,
            len_parts=len_parts,
            num_heads=num_heads,
        )
        _check_shares(att_drop=att_drop, dropout2d=dropout2d)
        _check_kernel(kernel_size)
        _check_config(config)
        if num_frames % len_parts:
            raise ValueError(
                f'STTFormer cannot cut num_frames={num_frames} into tuples '
                f'of len_parts={len_parts}: {_advice(num_frames, len_parts)}.'
            )
        self.in_channels = in_channels
        self.num_joints = num_joints
        self.len_parts = len_parts
        width = config[0][0]
        self.input_map = nn.Sequential(
            nn.Conv2d(in_channels, width, 1),
            nn.BatchNorm2d(width),
            nn.LeakyReLU(_SLOPE, inplace=True),
        )
        self.blocks = nn.Sequential(
            *(
                TupleBlock(
                    *widths,
                    length=num_joints * len_parts,
                    num_heads=num_heads,
                    kernel_size=kernel_size,
                    use_pes=use_pes,
                    att_drop=att_drop,
                )
                for widths in config
            )
        )
        self.drop_out2d = nn.Dropout2d(dropout2d)
        # Here and not in an init_cfg: mmengine's Kaiming would also zero the
        # biases, which the official code leaves to torch.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out')

    def forward(self, x: Tensor) -> Tensor:
        """Encode skeletons.

        Args:
            x (Tensor): ``(N, M, T, V, C)``, floating; any number of persons,
                and of frames that ``len_parts`` divides.

        Returns:
            Tensor: ``(N, M, D, T / len_parts, len_parts x V)``, one feature
            for each joint of each tuple.

        Raises:
            ValueError: If the clip has another number of dimensions, joints
                or channels, or ``len_parts`` does not divide its frames.
        """
        self._check_input(x)
        n, m, t, v, c = x.shape
        tuples = t // self.len_parts
        # already in the blocks' memory layout: no copy
        x = x.reshape(n * m, tuples, self.len_parts * v, c)
        x = self.blocks(self.input_map(x.permute(0, 3, 1, 2)))
        x = self._drop_joints(x, m)
        return x.unflatten(0, (n, m))

    def _drop_joints(self, x: Tensor, persons: int) -> Tensor:
        """Dropout of whole joints; Dropout2d drops along the second axis."""
        if not (self.training and self.drop_out2d.p):
            return x
        joints = x.permute(0, 2, 3, 1)
        dropped = self.drop_out2d(
            joints.reshape(x.shape[0] // persons, -1, x.shape[1], 1)
        )
        return dropped.reshape(joints.shape).permute(0, 3, 1, 2)

    def _check_input(self, x: Tensor) -> None:
        if x.dim() != 5:
            raise ValueError(
                'STTFormer expects skeletons (N, M, T, V, C), got '
                f'{tuple(x.shape)}.'
            )
        frames, joints, channels = x.shape[2:]
        if joints != self.num_joints or channels != self.in_channels:
            raise ValueError(
                f'STTFormer was built for {self.num_joints} joints of '
                f'{self.in_channels} channels and got {joints} of {channels}'
                f': set num_joints={joints} and in_channels={channels}.'
            )
        if not frames or frames % self.len_parts:
            raise ValueError(
                f'STTFormer cannot cut {frames} frames into tuples of '
                f'len_parts={self.len_parts}: '
                f'{_advice(frames, self.len_parts)}.'
            )


def _advice(frames: int, len_parts: int) -> str:
    """What to do about frames that do not make whole tuples."""
    near = max(len_parts, frames // len_parts * len_parts)
    return (
        f'resize clips to a multiple of it, such as {near}, or choose '
        'len_parts among the divisors'
    )


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f'STTFormer needs a positive {name}, got {size}.')


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(
                f'STTFormer needs a {name} in [0, 1], the share that is '
                f'dropped, got {share}.'
            )


def _check_kernel(kernel_size: Sequence[int]) -> None:
    if len(kernel_size) != 2 or any(k < 1 or k % 2 == 0 for k in kernel_size):
        raise ValueError(
            'STTFormer needs two odd kernel sizes, over tuples and over '
            f'joints, got kernel_size={tuple(kernel_size)}: even ones would '
            'change the size of the features.'
        )


def _check_config(config: Sequence[Sequence[int]]) -> None:
    if not config:
        raise ValueError('STTFormer needs a block in config, got none.')
    for i, widths in enumerate(config):
        if len(widths) != 3 or min(widths) < 1:
            raise ValueError(
                f'Block {i} of config is {tuple(widths)}: it must be three '
                'positive widths (in, out, queries and keys).'
            )
        if i and widths[0] != config[i - 1][1]:
            raise ValueError(
                f'Block {i} of config takes {widths[0]} channels, but block '
                f'{i - 1} gives {config[i - 1][1]}: make them equal.'
            )
