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
    """The shape of a skeleton in each part of a clip, as a feature vector.

    Time is averaged into ``segments`` parts; in each, the Euclidean distances
    between all joints of all persons, ``|x_u - x_v|`` for ``u < v``. No
    rotation, reflection or shift of the clip changes them (in 2D: none in the
    plane), so that they tell poses apart and not sides from which these are
    seen. Bones and motions are vectors of joints as well, and go the same way.

    A person of zeros is not at the origin, but absent: distances to somebody
    who is absent from a whole part are zero. Persons are told apart by their
    order.

    Not the paper's. It stands where an encoder stands, without learning: as
    ``first_encoder`` of :class:`~deeprank_mm.engine.RankLabelHook` it makes
    the first ranking labels, in place of an encoder that has learnt nothing
    either, but knows no sides.

    The vectors are wide: 9,800 numbers for two persons of 25 joints, which is
    1.4 GB for 36,000 sequences. Where memory is short, take fewer segments or
    a bank in files (``bank=dict(storage='memmap')``).

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
            flat = x.flatten(3).transpose(2, 3).flatten(0, 1)  # N M, V C, T
            parts = F.adaptive_avg_pool1d(flat, self.segments)
            parts = parts.view(batch, persons, joints, -1, self.segments)
            parts = parts.permute(0, 4, 1, 2, 3).flatten(0, 1)  # N S, M, V, C
            there = (parts != 0).any(-1).any(-1, keepdim=True)  # N S, M, 1
            there = there.expand(-1, -1, joints).flatten(1)
            parts = parts.flatten(1, 2)
            # not by products: equal joints are at a distance of zero
            distances = torch.cdist(
                parts, parts, compute_mode='donot_use_mm_for_euclid_dist'
            )
            distances *= there[:, :, None] & there[:, None, :]
            one, two = torch.triu_indices(
                persons * joints, persons * joints, 1, device=x.device
            )
            return distances[:, one, two].view(batch, -1)
