"""From a pretrained ranker to a recogniser."""

from __future__ import annotations

from typing import Optional

from mmaction.registry import HOOKS
from mmengine.hooks import Hook

from ..extraction import unwrap
from ..strict import check_state_dict, encoder_weights, resolve_checkpoint


@HOOKS.register_module()
class LoadEncoderHook(Hook):
    """Starts a recogniser's backbone from one encoder of a ranker.

    It loads strictly, and after all weights have been initialised, so that
    nothing overwrites them; a resumed run keeps its own weights. mmengine's
    ``init_cfg=dict(type='Pretrained')`` does neither reliably: it loads with
    ``strict=False``.

    Args:
        checkpoint (str, optional): Checkpoint of a :class:`.MultiViewRanker`
            run, or its work directory, of which the latest one is taken.
        modality (str): Which encoder. Defaults to ``'joint'``.
        scratch (bool): Say True to train without pretrained weights on
            purpose; ``checkpoint`` must then be None. Defaults to False.

    Raises:
        ValueError: If there is neither a checkpoint nor ``scratch=True``, or
            both.
    """

    def __init__(
        self,
        checkpoint: Optional[str] = None,
        modality: str = 'joint',
        scratch: bool = False,
    ) -> None:
        if (checkpoint is None) != scratch:
            raise ValueError(
                'LoadEncoderHook needs either a `checkpoint` (--pretrained '
                'PATH with our tools/train.py) or `scratch=True` '
                '(--pretrained none), and not both.'
            )
        self.checkpoint = checkpoint
        self.modality = modality

    def before_train(self, runner) -> None:
        """Load the encoder into ``model.backbone``.

        Raises:
            FileNotFoundError: If there is no checkpoint.
            ValueError: If a tensor is missing, unexpected or of another
                shape, or the modality is not in the checkpoint.
        """
        if self.checkpoint is None:
            runner.logger.info('The backbone starts from scratch.')
            return
        if runner._resume:
            return
        path = resolve_checkpoint(self.checkpoint)
        backbone = unwrap(runner.model).backbone
        weights = encoder_weights(path, self.modality)
        check_state_dict(backbone, weights, f'{path} ({self.modality})')
        backbone.load_state_dict(weights, strict=True)
        runner.logger.info(
            f'Loaded the {self.modality} encoder, {len(weights)} tensors, '
            f'strictly from {path}.'
        )
