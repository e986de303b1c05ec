"""Loading weights so that a mismatch is an error and never a log line."""

from __future__ import annotations

import os.path as osp
from typing import Dict, List, Mapping

import torch.nn as nn
from mmengine.runner import CheckpointLoader, find_latest_checkpoint
from torch import Tensor


def check_state_dict(
    module: nn.Module, state_dict: Mapping[str, Tensor], source: str
) -> None:
    """Compare names and shapes of weights with those of a module.

    Args:
        module (nn.Module): What the weights are for.
        state_dict (Mapping[str, Tensor]): The weights.
        source (str): Where they come from, for the message.

    Raises:
        ValueError: If a tensor is missing, unexpected or of another shape;
            the message names it.
    """
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


def resolve_checkpoint(path: str) -> str:
    """A checkpoint file, or the latest one of a work directory.

    Args:
        path (str): File, URL or directory.

    Returns:
        str: File or URL.

    Raises:
        FileNotFoundError: If there is no such file, or no checkpoint in the
            directory.
    """
    if osp.isdir(path):
        latest = find_latest_checkpoint(path)
        if latest is None:
            raise FileNotFoundError(
                f'There is no checkpoint in {path}: pretrain first, or name '
                'a checkpoint file.'
            )
        # the path noted there is the one of the machine that trained
        if not osp.isfile(latest):
            latest = osp.join(path, osp.basename(latest))
        path = latest
    if '://' not in path and not osp.isfile(path):
        raise FileNotFoundError(
            f'There is no checkpoint {path}: pretrain first, or name another '
            'file or work directory.'
        )
    return path


def encoder_weights(path: str, modality: str) -> Dict[str, Tensor]:
    """Weights of one modality's encoder out of a ranker's checkpoint.

    Args:
        path (str): Checkpoint of a :class:`.MultiViewRanker` run.
        modality (str): Which of its encoders.

    Returns:
        dict[str, Tensor]: With the names of the backbone itself.

    Raises:
        ValueError: If it is no ranker's checkpoint or lacks the modality.
    """
    content = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    state_dict = content.get('state_dict', content)
    found = sorted(
        {
            key.split('.')[1]
            for key in state_dict
            if key.startswith('encoders.')
        }
    )
    if modality not in found:
        raise ValueError(
            f'{path} holds no {modality!r} encoder: '
            + (
                f'it has {", ".join(found)}.'
                if found
                else 'it is not the checkpoint of a MultiViewRanker.'
            )
        )
    prefix = f'encoders.{modality}.'
    return {
        key[len(prefix) :]: value
        for key, value in state_dict.items()
        if key.startswith(prefix)
    }
