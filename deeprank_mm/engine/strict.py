"""Loading weights so that a mismatch is an error and never a log line."""

from __future__ import annotations

import os.path as osp
from typing import List, Mapping

import torch
import torch.nn as nn
from torch import Tensor

from .checkpoint_files import latest_checkpoint

MAP_JOINTS = (
    "Pretrain with one data set's joints in the other's order "
    "(dict(type='MapJoints', source=..., target=...), first in the pipeline)."
)


def check_state_dict(
    module: nn.Module, state_dict: Mapping[str, Tensor], source: str
) -> None:
    """Compare names and shapes of weights with those of a module.

    The graph of a GCN is no weight: it must be equal, because an encoder of
    as many joints in another order would load, and be wrong.

    Args:
        module (nn.Module): What the weights are for.
        state_dict (Mapping[str, Tensor]): The weights.
        source (str): Where they come from, for the message.

    Raises:
        ValueError: If the joints of the graph are others, or a tensor is
            missing, unexpected or of another shape; the message names it.
    """
    _check_graphs(module, state_dict, source)
    own = module.state_dict()
    problems: List[str] = []
    for title, names in (
        ('missing', [k for k in own if k not in state_dict]),
        ('unexpected', [k for k in state_dict if k not in own]),
        (
            'of another shape',
            [
                f'{k} {tuple(state_dict[k].shape)} instead of '
                f'{tuple(own[k].shape)}'
                for k in own
                if k in state_dict and state_dict[k].shape != own[k].shape
            ],
        ),
    ):
        if names:
            more = f' and {len(names) - 4} more' if len(names) > 4 else ''
            problems.append(
                f'{len(names)} {title}: {", ".join(names[:4])}{more}'
            )
    if problems:
        raise ValueError(
            f'The weights in {source} do not fit {type(module).__name__} ('
            f'{"; ".join(problems)}): use the configuration that they were '
            'trained with.'
        )


def _check_graphs(
    module: nn.Module, state_dict: Mapping[str, Tensor], source: str
) -> None:
    """Compare the adjacency matrices ``A`` that MMAction2's GCNs keep."""
    for key, own in module.named_buffers():
        other = state_dict.get(key)
        if key.rpartition('.')[2] != 'A' or other is None:
            continue
        if own.shape[-1] != other.shape[-1]:
            what = f'{other.shape[-1]} joints instead of {own.shape[-1]}'
        elif (
            own.is_meta
            or other.is_meta
            or own.shape != other.shape
            # averaged or halved, a matrix still joins the same joints
            or torch.allclose(
                own.cpu().float(), other.cpu().float(), atol=1e-3
            )
        ):
            continue
        else:
            what = (
                f'as many joints ({own.shape[-1]}), but joins others, or '
                'its graph_cfg has another mode'
            )
        raise ValueError(
            f'The weights in {source} were trained on another joint layout: '
            f'their graph {key} has {what}. {MAP_JOINTS}'
        )


def resolve_checkpoint(path: str) -> str:
    """A checkpoint file, or the latest one of a work directory.

    Args:
        path (str): File, URL or directory.

    Returns:
        str: File or URL.

    Raises:
        FileNotFoundError: If there is no such file, or no checkpoint in the
            directory.
        ValueError: If all checkpoints of the directory are damaged.
    """
    if osp.isdir(path):
        latest = latest_checkpoint(path)
        if latest is None:
            raise FileNotFoundError(
                f'There is no checkpoint in {path}: pretrain first, or name '
                'a checkpoint file.'
            )
        path = latest
    if '://' not in path and not osp.isfile(path):
        raise FileNotFoundError(
            f'There is no checkpoint {path}: pretrain first, or name another '
            'file or work directory.'
        )
    return path
