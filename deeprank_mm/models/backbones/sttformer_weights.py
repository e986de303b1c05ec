"""Weights of the official STTFormer code, for MMAction2's recogniser."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping

import torch
from torch import Tensor

from .sttformer import PositionEncoding, STTFormer

# What a block's sizes are read from.
_SIZES = (
    'alphas',
    'att0s',
    'to_qkvs.weight',
    'out_nets.0.weight',
    'out_nett.0.weight',
)
_HEAD = {'fc.weight': 'cls_head.fc.weight', 'fc.bias': 'cls_head.fc.bias'}


def infer_sttformer(state_dict: Mapping[str, Tensor]) -> Dict[str, Any]:
    """Read the sizes of a network off its official weights.

    Args:
        state_dict (Mapping[str, Tensor]): Weights with the official names.

    Returns:
        dict: Arguments of :class:`.STTFormer`. Weights only tell the number
        of joints in a tuple, which stands as ``num_joints`` beside
        ``len_parts=1``: split it into the two.

    Raises:
        ValueError: If a weight that is needed is missing, or the blocks
            contradict each other.
    """
    state_dict = _strip(state_dict)
    indices = [re.match(r'blocks\.(\d+)\.', key) for key in state_dict]
    count = 1 + max((int(i[1]) for i in indices if i), default=-1)
    needed = ['input_map.0.weight'] + [
        f'blocks.{i}.{name}' for i in range(max(1, count)) for name in _SIZES
    ]
    missing = [key for key in needed if key not in state_dict]
    if missing:
        raise ValueError(
            'These are not the weights of an official STTFormer, of which '
            f'they miss {", ".join(missing)}.'
        )
    for key in needed:
        if state_dict[key].dim() != 4:
            raise ValueError(
                f'{key} of the official weights has the shape '
                f'{tuple(state_dict[key].shape)} instead of four dimensions.'
            )
    config, shared = [], []
    for i in range(count):
        shape = {
            name: state_dict[f'blocks.{i}.{name}'].shape for name in _SIZES
        }
        heads = shape['alphas'][1]
        config.append(
            (
                shape['to_qkvs.weight'][1],
                shape['out_nets.0.weight'][0],
                shape['to_qkvs.weight'][0] // (2 * heads),
            )
        )
        shared.append(
            dict(
                num_joints=shape['att0s'][-1],
                num_heads=heads,
                kernel_size=(
                    shape['out_nett.0.weight'][2],
                    shape['out_nets.0.weight'][3],
                ),
            )
        )
        if shared[i] != shared[0]:
            raise ValueError(
                f'Block {i} of the weights has {shared[i]}, block 0 '
                f'{shared[0]}: no STTFormer has blocks of several kinds.'
            )
    return dict(
        in_channels=state_dict['input_map.0.weight'].shape[1],
        num_frames=1,
        len_parts=1,
        config=tuple(config),
        use_pes='blocks.0.pes.pe' in state_dict,
        **shared[0],
    )


def convert_sttformer(state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Rename official weights to those of ``RecognizerGCN``.

    The official names are kept below ``backbone.``, but for the classifier,
    which is ``GCNHead``'s, and the tables of the positional encoding, which
    are no weights here: they are compared and left out. The ``module.`` of
    DataParallel is dropped.

    Args:
        state_dict (Mapping[str, Tensor]): Weights with the official names.

    Returns:
        dict[str, Tensor]: Weights of a ``RecognizerGCN`` of
        :class:`.STTFormer` and ``GCNHead``; the tensors are not copied.

    Raises:
        ValueError: If a tensor is missing, unknown or of another shape, or a
            positional encoding is not the paper's; the message names it.
    """
    own = _strip(state_dict)
    arguments = infer_sttformer(own)
    with torch.device('meta'):
        expected = STTFormer(**arguments).state_dict()
    tables = {
        f'blocks.{i}.pes.pe': (width, arguments['num_joints'])
        for i, (width, _, _) in enumerate(arguments['config'])
        if arguments['use_pes']
    }
    _check_names(own, [*expected, *tables, *_HEAD])
    for key, value in expected.items():
        if own[key].shape != value.shape:
            raise ValueError(
                f'{key} of the official weights has the shape '
                f'{tuple(own[key].shape)} instead of {tuple(value.shape)}.'
            )
    for key, sizes in tables.items():
        _check_table(key, own[key], *sizes)
    converted = {f'backbone.{key}': own[key] for key in expected}
    converted.update({new: own[old] for old, new in _HEAD.items()})
    return converted


def _strip(state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Drop the prefix of DataParallel."""
    return {
        (key[7:] if key.startswith('module.') else key): value
        for key, value in state_dict.items()
    }


def _check_names(own: Mapping[str, Tensor], expected: List[str]) -> None:
    missing = [key for key in expected if key not in own]
    unknown = sorted(set(own) - set(expected))
    if missing or unknown:
        parts = (('missing', missing), ('unknown', unknown))
        raise ValueError(
            'The weights do not fit an official STTFormer: '
            + '; '.join(
                f'{what} {", ".join(names)}' for what, names in parts if names
            )
            + '.'
        )


def _check_table(key: str, table: Tensor, width: int, length: int) -> None:
    """Compare a stored positional encoding with the one computed here."""
    own = PositionEncoding(width, length).pe
    fits = table.dim() == 4 and (table.shape[1], table.shape[3]) == (
        width,
        length,
    )
    # the official table is rounded by the machine that computed it
    if not fits or not torch.allclose(table.float(), own, atol=1e-4):
        raise ValueError(
            f'{key} is not the sine and cosine table of the paper, which is '
            'the only one that STTFormer computes: these weights cannot be '
            'converted.'
        )
