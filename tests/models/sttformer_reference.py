"""STTFormer written as its paper and published weights read.

Nothing here is meant to be fast: every step is the formula, in the layout
``(N, C, T, V)``, with the parameter names of the official checkpoints, so
that a state dict of this class *is* an official one.
"""

import math

import torch
from torch import nn


class PositionTable(nn.Module):
    """Sine and cosine of a position inside the tuple, repeated over tuples."""

    def __init__(self, channels, tuples, length):
        super().__init__()
        table = torch.zeros(1, channels, tuples, length)
        for c in range(channels):
            rate = 10000.0 ** -(2 * (c // 2) / channels)
            wave = math.cos if c % 2 else math.sin
            for v in range(length):
                table[0, c, :, v] = wave(v * rate)
        self.register_buffer('pe', table)


class Block(nn.Module):
    """Attention inside tuples, then aggregation between them."""

    def __init__(
        self, cin, cout, qkv, tuples, length, heads, kernel, pes, drop
    ):
        super().__init__()
        self.heads, self.qkv = heads, qkv
        if pes:
            self.pes = PositionTable(cin, tuples, length)
        self.to_qkvs = nn.Conv2d(cin, 2 * heads * qkv, 1)
        self.alphas = nn.Parameter(torch.ones(1, heads, 1, 1))
        self.att0s = nn.Parameter(
            torch.full((1, heads, length, length), 1 / length)
        )

        def conv_bn(cin, cout, size=(1, 1)):
            pad = (size[0] // 2, size[1] // 2)
            return nn.Sequential(
                nn.Conv2d(cin, cout, size, padding=pad), nn.BatchNorm2d(cout)
            )

        self.out_nets = conv_bn(heads * cin, cout, (1, kernel[1]))
        self.ff_net = conv_bn(cout, cout)
        self.out_nett = conv_bn(cout, cout, (kernel[0], 1))
        if cin != cout:
            self.ress = conv_bn(cin, cout)
            self.rest = conv_bn(cout, cout)
        else:
            self.ress = self.rest = nn.Identity()
        self.act = nn.LeakyReLU(0.1)
        self.drop = nn.Dropout(drop)

    def forward(self, x):
        n, c, t, v = x.shape
        seen = x + self.pes.pe[:, :, :t] if hasattr(self, 'pes') else x
        qk = self.to_qkvs(seen).view(n, 2 * self.heads, self.qkv, t, v)
        q, k = qk[:, : self.heads], qk[:, self.heads :]
        score = torch.einsum('nhctu,nhctv->nhuv', q, k) / (self.qkv * t)
        attention = self.drop(torch.tanh(score) * self.alphas + self.att0s)
        mixed = torch.einsum('nctu,nhuv->nhctv', x, attention)
        mixed = mixed.contiguous().view(n, self.heads * c, t, v)
        shortcut = self.ress(x)
        y = self.act(self.out_nets(mixed) + shortcut)
        y = self.act(self.ff_net(y) + shortcut)
        return self.act(self.out_nett(y) + self.rest(y))


class Reference(nn.Module):
    """The whole network, from ``(N, C, T, V, M)`` to class scores."""

    def __init__(
        self,
        config,
        len_parts=6,
        num_frames=120,
        num_joints=25,
        num_heads=3,
        kernel_size=(3, 5),
        in_channels=3,
        use_pes=True,
        att_drop=0.0,
        num_classes=10,
    ):
        super().__init__()
        self.len_parts = len_parts
        self.input_map = nn.Sequential(
            nn.Conv2d(in_channels, config[0][0], 1),
            nn.BatchNorm2d(config[0][0]),
            nn.LeakyReLU(0.1),
        )
        self.blocks = nn.ModuleList(
            Block(
                *widths,
                num_frames // len_parts,
                num_joints * len_parts,
                num_heads,
                kernel_size,
                use_pes,
                att_drop,
            )
            for widths in config
        )
        self.fc = nn.Linear(config[-1][1], num_classes)

    def features(self, x):
        """The last block's output ``(N x M, D, tuples, joints)``."""
        n, c, t, v, m = x.shape
        x = x.permute(0, 4, 1, 2, 3).reshape(n * m, c, t, v)
        x = x.view(n * m, c, t // self.len_parts, v * self.len_parts)
        x = self.input_map(x)
        for block in self.blocks:
            x = block(x)
        return x

    def forward(self, x):
        n, m = x.shape[0], x.shape[-1]
        x = self.features(x)
        return self.fc(x.view(n, m, x.shape[1], -1).mean((1, 3)))
