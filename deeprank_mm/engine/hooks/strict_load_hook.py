"""A checkpoint that does not fit stops the run."""

from __future__ import annotations

import re

from mmaction.registry import HOOKS
from mmengine.hooks import Hook

from ..extraction import unwrap
from ..strict import check_state_dict


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Checks every checkpoint against the model before it is loaded.

    mmengine loads with ``strict=False`` and only logs what it missed: an
    evaluation then runs on random weights without anybody noticing.
    """

    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare names and shapes.

        Raises:
            ValueError: If the weights do not fit the model.
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
