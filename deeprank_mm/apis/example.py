"""A made-up sequence of the sort that a config's model takes."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from torch import Tensor

from deeprank_mm.visualization import find_layout
from deeprank_mm.visualization.bodies import skeleton_of

from .search_set import test_steps

_FRAMES = 64


def example_annotation(cfg: Config) -> Dict[str, Any]:
    """Random coordinates of one person, with scores where there are any.

    Args:
        cfg (Config): Names the joint layout.

    Returns:
        dict: An annotation of MMAction2.
    """
    body = skeleton_of(find_layout(cfg))
    rng = np.random.default_rng(0)
    shape = (1, _FRAMES, body.num_joints, 2 if body.scored else 3)
    annotation: Dict[str, Any] = dict(
        frame_dir='example',
        sample_id='example',
        label=0,
        total_frames=_FRAMES,
        img_shape=(2, 2),
        modality='Pose',
        start_index=0,
        keypoint=rng.normal(size=shape).astype(np.float32),
    )
    if body.scored:
        annotation['keypoint_score'] = np.ones(shape[:3], dtype=np.float32)
    return annotation


def example_inputs(cfg: Config) -> Tensor:
    """What the test pipeline makes of :func:`example_annotation`.

    Args:
        cfg (Config): With a ``test_dataloader``.

    Returns:
        Tensor: ``(1, clips, M, T, V, C x modalities)`` float32.
    """
    scope = cfg.get('default_scope', 'mmaction')
    with DefaultScope.overwrite_default_scope(scope):
        pipeline = Compose(test_steps(cfg))
        sample = pipeline(example_annotation(cfg))
    return pseudo_collate([sample])['inputs'][0][None].float()
