"""An encoder's weights, out of whatever checkpoint holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping, Optional

import torch.nn as nn
from torch import Tensor

from .checkpoint_files import read_checkpoint
from .skeleton_record import SkeletonRecord, check_skeleton
from .strict import check_state_dict

# What a checkpoint can be, and what it is called in messages.
KINDS = {
    'ranker': "a ranker's checkpoint",
    'recognizer': "a recogniser's checkpoint",
    'backbone': 'a bare backbone',
}
_PREFIXES = {'ranker': 'encoders.', 'recognizer': 'backbone.'}


@dataclass(frozen=True)
class EncoderWeights:
    """One encoder out of a checkpoint.

    Args:
        tensors (dict[str, Tensor]): With the names of the backbone itself.
        kind (str): What the checkpoint is, a key of :data:`KINDS`.
        origin (str): The same for people, with what was left aside.
        skeleton (dict, optional): What the checkpoint notes about the
            skeletons it was trained on.
    """

    tensors: Dict[str, Tensor]
    kind: str
    origin: str
    skeleton: Optional[SkeletonRecord]


def read_encoder(
    path: str, modality: str = 'joint', kind: Optional[str] = None
) -> EncoderWeights:
    """Find an encoder in a checkpoint, by what the checkpoint is.

    - of a :class:`.MultiViewRanker`: ``encoders.{modality}.*``
    - of a recogniser, finetuned here or elsewhere: ``backbone.*``
    - a bare backbone: its own names

    With or without the prefix ``module.`` of DistributedDataParallel, below
    ``state_dict`` or not. Where mmengine's ``EMAHook`` was at work, the
    averaged weights are the ones taken, as mmengine's own loading does.

    Args:
        path (str): File or URL.
        modality (str): Which encoder of a ranker. Others have only one.
            Defaults to ``'joint'``.
        kind (str, optional): A key of :data:`KINDS`; needed only where the
            names allow two of them. Defaults to None: detect.

    Returns:
        EncoderWeights: The encoder.

    Raises:
        ValueError: If the file holds no weights, could be of two kinds, is
            not of the named one, or lacks the modality.
        pickle.UnpicklingError: If it asks for code to be run.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(
            f'Unknown kind {kind!r} of checkpoint: {", ".join(KINDS)}.'
        )
    content = read_checkpoint(path)
    remarks = []
    state_dict = _state_dict_of(content, path)
    if kind != 'backbone':
        bare = _without_ddp(state_dict, path)
        if bare is not state_dict:
            state_dict = bare
            remarks.append("without DDP's prefix")
    if 'ema_state_dict' in content:
        remarks.append('averaged by EMA')
    kind = kind or _kind_of(state_dict, path)
    prefix = _PREFIXES.get(kind, '')
    if kind == 'ranker':
        _check_modality(state_dict, modality, path)
        prefix = f'{prefix}{modality}.'
        remarks.insert(0, f'its {modality} encoder')
    tensors = {
        key[len(prefix) :]: value
        for key, value in state_dict.items()
        if key.startswith(prefix)
    }
    if not tensors:
        raise ValueError(
            f'{path} is not {KINDS[kind]}: no name in it begins with '
            f'{prefix!r}.'
        )
    remarks.append(f'{len(tensors)} of the {len(state_dict)} tensors in it')
    meta = content.get('meta')
    return EncoderWeights(
        tensors=tensors,
        kind=kind,
        origin=f'{KINDS[kind]} ({", ".join(remarks)})',
        skeleton=meta.get('skeleton') if isinstance(meta, Mapping) else None,
    )


def load_encoder(
    backbone: nn.Module,
    path: str,
    modality: str = 'joint',
    kind: Optional[str] = None,
    skeleton: Optional[SkeletonRecord] = None,
) -> str:
    """Load an encoder into a backbone, all of it or not at all.

    Args:
        backbone (nn.Module): The backbone, changed in place.
        path (str): See :func:`read_encoder`.
        modality (str): See :func:`read_encoder`.
        kind (str, optional): See :func:`read_encoder`.
        skeleton (dict, optional): What the backbone will see
            (:func:`.skeleton_of`), to be compared with what the checkpoint
            notes.

    Returns:
        str: A sentence for the log: what was found, and how much loaded.

    Raises:
        ValueError: See :func:`read_encoder`; or if a tensor is missing,
            unexpected or of another shape, or the skeletons are others.
    """
    found = read_encoder(path, modality, kind)
    check_skeleton(
        found.skeleton,
        skeleton,
        # a ranker's encoder is chosen by its name
        None if found.kind == 'ranker' else [modality],
        path,
    )
    check_state_dict(backbone, found.tensors, f'{path}, {found.origin},')
    backbone.load_state_dict(found.tensors, strict=True)
    return (
        f'Loaded {len(found.tensors)} of the {len(backbone.state_dict())} '
        f'tensors of {type(backbone).__name__}, strictly from {path}, '
        f'{found.origin}.'
    )


def _state_dict_of(content: Mapping, path: str) -> Mapping[str, Tensor]:
    """The named tensors of a checkpoint file."""
    state_dict = content
    if isinstance(content, Mapping):
        state_dict = content.get('state_dict', content)
    if (
        not isinstance(state_dict, Mapping)
        or not state_dict
        or not all(isinstance(v, Tensor) for v in state_dict.values())
    ):
        raise ValueError(
            f'{path} does not hold tensors by name, bare or under '
            "'state_dict'."
        )
    return state_dict


def _without_ddp(
    state_dict: Mapping[str, Tensor], path: str
) -> Mapping[str, Tensor]:
    """Strip the prefix that saving a wrapped model leaves on every name."""
    prefix = 'module.'
    wrapped = [key.startswith(prefix) for key in state_dict]
    if not any(wrapped):
        return state_dict
    if not all(wrapped):
        raise ValueError(
            f'{path} holds {sum(wrapped)} names of {len(wrapped)} that begin '
            f'with {prefix!r}, as of two models: save one of them. (If these '
            "are the backbone's own names, say kind='backbone'.)"
        )
    return {k[len(prefix) :]: v for k, v in state_dict.items()}


def _kind_of(state_dict: Mapping[str, Tensor], path: str) -> str:
    kinds = [
        kind
        for kind, prefix in _PREFIXES.items()
        if any(key.startswith(prefix) for key in state_dict)
    ]
    if len(kinds) > 1:
        raise ValueError(
            f'{path} could be {" or ".join(KINDS[kind] for kind in kinds)}, '
            'for it holds both `encoders.*` and `backbone.*`: say which by '
            f'`kind`, {" or ".join(map(repr, kinds))}.'
        )
    return kinds[0] if kinds else 'backbone'


def _check_modality(
    state_dict: Mapping[str, Tensor], modality: str, path: str
) -> None:
    found = sorted(
        {k.split('.')[1] for k in state_dict if k.startswith('encoders.')}
    )
    if modality not in found:
        raise ValueError(
            f'{path} holds no {modality!r} encoder: '
            + (
                f'it has {", ".join(found)}.'
                if found
                else f'it is not {KINDS["ranker"]}.'
            )
        )
