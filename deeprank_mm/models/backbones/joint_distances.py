"""An encoder without weights: how far apart a skeleton's joints are."""

from __future__ import annotations

from typing import Dict, List, Optional, Union

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from deeprank_mm.arguments import check_arguments


@MODELS.register_module()
class JointDistances(BaseModule):
    r"""The shape of a skeleton in each part of a clip, as a feature vector.

    Time is averaged into ``segments`` parts of equal length; in each, the
    Euclidean distances between all joints of all persons, ``|x_u - x_v|`` for
    ``u < v``. No rotation, reflection or shift of the clip changes them, so
    that they tell poses apart and not sides from which these are seen. Bones
    and motions are vectors of joints as well, and go the same way.

    Not the paper's. It stands where an encoder stands, without learning: as
    ``first_encoder`` of :class:`~deeprank_mm.engine.RankLabelHook` it makes
    the first ranking labels, in place of an encoder that has learnt nothing
    either, but knows no sides.

    Args:
        segments (int): Parts of a clip. A clip of fewer frames repeats some.
            Defaults to 8.
        dims (int, optional): How many channels are coordinates, the first
            ones: 2 for keypoints ``(x, y, score)``. Defaults to None: all.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If a number is not positive.
    """

    @check_arguments
    def __init__(
        self,
        segments: int = 8,
        dims: Optional[int] = None,
        init_cfg: Union[Dict, List[Dict], None] = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if segments < 1 or dims is not None and dims < 1:
            raise ValueError(
                'JointDistances needs positive numbers, got segments='
                f'{segments} and dims={dims}.'
            )
        self.segments = segments
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        """Measure skeletons.

        Args:
            x (Tensor): ``(N, M, T, V, C)``.

        Returns:
            Tensor: ``(N, segments * J * (J - 1) / 2)`` for ``J = M * V``
            joints, in the unit of ``x``, float32 (float64 of float64).

        Raises:
            ValueError: If these are no skeletons, or of a single joint.
        """
        if x.dim() != 5:
            raise ValueError(
                'JointDistances measures skeletons (N, M, T, V, C), but got '
                f'{tuple(x.shape)}.'
            )
        with torch.autocast(x.device.type, enabled=False):
            x = x[..., : self.dims]
            if x.dtype != torch.float64:
                x = x.float()
            batch, persons, _, joints, _ = x.shape
            if persons * joints < 2:
                raise ValueError(
                    'JointDistances needs two joints or more, but got '
                    f'{tuple(x.shape)}.'
                )
            x = x.transpose(1, 2).flatten(2, 3)  # N, T, J, C
            flat = x.flatten(2).transpose(1, 2)
            parts = F.adaptive_avg_pool1d(flat, self.segments)
            parts = parts.transpose(1, 2).reshape(
                batch * self.segments, persons * joints, -1
            )
            # not by products: equal joints are at a distance of zero
            distances = torch.cdist(
                parts, parts, compute_mode='donot_use_mm_for_euclid_dist'
            )
            one, two = torch.triu_indices(
                persons * joints, persons * joints, 1, device=x.device
            )
            return distances[:, one, two].view(batch, -1)
