"""What sort of skeletons a checkpoint was trained on, noted inside it.

Weights do not show it: a transformer, and a convolution whose graph adapts,
take any order of as many joints, and every modality has as many channels.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from deeprank_mm.datasets.transforms.modalities import joint_parents
from deeprank_mm.nested import dicts_in

from .strict import MAP_JOINTS

SkeletonRecord = Dict[str, List[Any]]


def skeleton_of(cfg: Mapping) -> Optional[SkeletonRecord]:
    """The skeletons that a config's ``GenerateModalities`` steps make.

    Args:
        cfg (Mapping): A run's config.

    Returns:
        dict, optional: ``joint_parents`` (the parent of each joint) and
        ``modalities``, as plain lists; None if no step says it, or the
        steps differ.
    """
    records = [
        dict(
            joint_parents=joint_parents(
                step.get('layout', 'nturgb+d')
            ).tolist(),
            modalities=_names(step.get('modalities', ['joint'])),
        )
        for part in ('train', 'val', 'test')
        for step in _steps(cfg.get(f'{part}_dataloader'))
    ]
    if not records or any(record != records[0] for record in records):
        return None
    return records[0]


def check_skeleton(
    recorded: Optional[Mapping],
    joints_of: Optional[Mapping],
    modalities: Optional[Sequence[str]],
    source: str,
) -> None:
    """Compare what a checkpoint was trained on with what it will see.

    Args:
        recorded (Mapping, optional): The checkpoint's record.
        joints_of (Mapping, optional): The record of the run that loads.
        modalities (Sequence[str], optional): The modalities that it feeds;
            None leaves them alone.
        source (str): Where the checkpoint is, for the message.

    Raises:
        ValueError: If the joints or the modalities are others. What either
            side does not know is not compared.
    """
    if not recorded:
        return
    parents = recorded['joint_parents']
    if joints_of and joints_of['joint_parents'] != parents:
        raise ValueError(
            f'The weights in {source} were trained on another joint layout '
            f'than that of this run ({len(parents)} joints, '
            f'{len(joints_of["joint_parents"])} here). {MAP_JOINTS}'
        )
    known = recorded['modalities']
    if modalities is not None and list(modalities) != list(known):
        raise ValueError(
            f'The weights in {source} were trained on {", ".join(known)}, '
            f'not on {", ".join(modalities)}: name the same modality '
            f'(--modality {known[0]}), or other weights.'
        )


def _names(modalities: Any) -> List[str]:
    return [modalities] if isinstance(modalities, str) else list(modalities)


def _steps(node: Any) -> Iterator[Mapping]:
    """Every ``GenerateModalities`` inside a config."""
    for step in dicts_in(node):
        kind = step.get('type')
        if isinstance(kind, str) and kind.endswith('GenerateModalities'):
            yield step
