"""A checkpoint that does not fit stops the run."""

from __future__ import annotations

import re

from mmaction.registry import HOOKS
from mmengine.hooks import Hook

from ..extraction import unwrap
from ..skeleton_record import check_skeleton, skeleton_of
from ..strict import check_state_dict


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Checks every checkpoint against the model before it is loaded.

    mmengine loads with ``strict=False`` and only logs what it missed: an
    evaluation then runs on random weights without anybody noticing.

    What weights do not show, joint order and modality, it notes in each
    checkpoint and compares.
    """

    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare names, shapes and skeletons.

        Raises:
            ValueError: If the weights do not fit the model, or the model
                was trained on other joints or modalities.
        """
        state_dict = checkpoint.get('state_dict', checkpoint)
        check_state_dict(
            unwrap(runner.model),
            {
                re.sub(r'^module\.', '', key): value
                for key, value in state_dict.items()
            },
            'the checkpoint',
        )
        here = skeleton_of(runner.cfg)
        if here is not None:
            check_skeleton(
                checkpoint.get('meta', {}).get('skeleton'),
                here,
                here['modalities'],
                'the checkpoint',
            )

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Note the skeletons that the model was trained on."""
        here = skeleton_of(runner.cfg)
        if here is not None:
            checkpoint['meta']['skeleton'] = here
