"""MMAction2's ST-GCN, faster on CPUs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmaction.models.backbones.stgcn import STGCN, STGCNBlock
from mmaction.models.utils import unit_gcn, unit_tcn
from mmaction.registry import MODELS
from torch import Tensor, nn

from ..layers import frame_norm, temporal_convolution


@MODELS.register_module()
class FastSTGCN(STGCN):
    """MMAction2's ``STGCN`` at two thirds of its cost on a CPU.

    Same arguments, same weights under the same names, same outputs but for
    rounding: checkpoints of one load into the other. What differs:

    - frames come first and channels last in memory, where convolutions of
      width one, the product with the graph, BatchNorm and ReLU run over
      contiguous memory, without being rearranged in between;
    - temporal convolutions take about a quarter of the multiplications, see
      :func:`.temporal_convolution`;
    - joints are gathered before the channels are multiplied, of which there
      are fewer then.

    Elsewhere it is ``STGCN`` itself: on a GPU, whose convolutions have no
    such reserves, when compiled or exported, and where its arguments ask for
    other blocks (``tcn_type='mstcn'``, ``gcn_with_res``, norms other than
    BatchNorm). Forward hooks of the modules inside a block are called only
    there. Under autocast it is so on CPUs with instructions for bfloat16; on
    others it goes on in float32, which is faster there.

    Args:
        *args: See MMAction2's ``STGCN``.
        **kwargs: See MMAction2's ``STGCN``.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._known = all(map(_is_known, self.gcn))

    def forward(self, x: Tensor) -> Tensor:
        """Encode skeletons.

        Args:
            x (Tensor): ``(N, M, T, V, C)``.

        Returns:
            Tensor: ``(N, M, D, T', V)``.
        """
        if not (self._known and _is_plain(x)):
            return super().forward(x)
        with torch.autocast('cpu', enabled=False):
            return self._forward(x)

    def _forward(self, x: Tensor) -> Tensor:
        batch, people, frames, joints, _ = x.shape
        x = x.permute(0, 1, 3, 4, 2)  # N, M, V, C, T
        rows = batch if self.data_bn_type == 'MVC' else batch * people
        x = self.data_bn(x.reshape(rows, -1, frames))
        x = x.view(batch * people * joints, -1, frames)
        x = x.permute(2, 0, 1).contiguous()  # T, N M V, C
        for i in range(self.num_stages):
            x = _block(self.gcn[i], x, joints)
        x = x.view(len(x), batch, people, joints, -1)
        return x.permute(1, 2, 4, 0, 3)


def _is_plain(x: Tensor) -> bool:
    """Whether ``x`` is computed here and now, in its own precision."""
    return (
        x.device.type == 'cpu'
        and x.dtype in (torch.float32, torch.float64)
        and not (_is_autocast() and _has_bfloat16())
        and not torch.jit.is_tracing()
        and not _is_compiling()
    )


def _is_autocast() -> bool:
    if hasattr(torch, 'get_autocast_dtype'):
        return torch.is_autocast_enabled('cpu')
    return torch.is_autocast_cpu_enabled()  # before torch 2.4


def _is_compiling() -> bool:
    # torch 2.0 cannot say
    return hasattr(torch, 'compiler') and torch.compiler.is_compiling()


def _has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16, or only can be made to.

    Without such instructions torch takes twice as long as in float32.
    """
    known = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    asked = [
        getattr(torch.cpu, name)()
        for name in known
        if hasattr(torch.cpu, name)
    ]
    return not asked or any(asked)


def _is_known(block: STGCNBlock) -> bool:
    """Whether :func:`_block` computes what the block does."""
    gcn, tcn = block.gcn, block.tcn
    return (
        type(gcn) is unit_gcn
        and type(tcn) is unit_tcn
        and not gcn.with_res
        and tcn.conv.kernel_size[0] % 2 == 1
        and tcn.conv.dilation == (1, 1)
        and all(
            type(norm) is nn.BatchNorm2d and norm.affine
            for norm in (gcn.bn, tcn.bn)
        )
    )


def _block(block: STGCNBlock, x: Tensor, joints: int) -> Tensor:
    """``STGCNBlock.forward`` of ``(T, R, C)``."""
    residual = block.residual
    if isinstance(residual, unit_tcn):
        weight = residual.conv.weight.flatten(1)
        shortcut = F.linear(x[:: residual.stride], weight, residual.conv.bias)
        shortcut = frame_norm(residual.bn, shortcut)
    else:
        shortcut = residual(x)  # itself, or zero
    tcn = block.tcn
    x = _graph_convolution(block.gcn, x, joints)
    x = temporal_convolution(
        x, tcn.conv.weight.squeeze(-1), tcn.conv.bias, tcn.stride
    )
    x = tcn.drop(frame_norm(tcn.bn, x))
    return F.relu(x.add_(shortcut), inplace=True)


def _graph_convolution(unit: unit_gcn, x: Tensor, joints: int) -> Tensor:
    """``unit_gcn.forward`` of ``(T, R, C)``.

    The sum over a joint's neighbours and the product with the weights are
    both linear, so that their order is free.
    """
    adjacency = unit.A  # (K, V, V): from joint v to joint w
    if unit.adaptive == 'offset':
        adjacency = adjacency + unit.PA
    elif unit.adaptive == 'importance':
        adjacency = adjacency * unit.PA
    subsets = len(adjacency)
    frames, rows, width = x.shape
    out_width = unit.out_channels
    gather = adjacency.permute(2, 0, 1).reshape(joints * subsets, joints)
    skeletons = x.view(-1, joints, width)
    gathered = torch.bmm(gather.expand(len(skeletons), -1, -1), skeletons)
    if unit.conv_pos == 'pre':
        weight = unit.conv.weight.view(subsets, out_width, width)
        weight = weight.transpose(1, 2).reshape(-1, out_width)
        # each subset's bias is gathered, too
        bias = adjacency.sum(1).t() @ unit.conv.bias.view(subsets, -1)
    else:
        weight = unit.conv.weight.view(out_width, -1).t()
        bias = unit.conv.bias
    x = gathered.view(-1, subsets * width) @ weight
    x = x.view(-1, joints, out_width) + bias
    return unit.act(frame_norm(unit.bn, x.view(frames, rows, out_width)))
