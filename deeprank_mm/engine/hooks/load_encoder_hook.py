"""From a pretrained ranker to a recogniser."""

from __future__ import annotations

from typing import Optional

from mmaction.registry import HOOKS
from mmengine.hooks import Hook

from deeprank_mm.arguments import check_arguments
from deeprank_mm.models import FrozenRecognizerGCN

from ..encoder_weights import load_encoder
from ..extraction import unwrap
from ..skeleton_record import skeleton_of
from ..strict import resolve_checkpoint


@HOOKS.register_module()
class LoadEncoderHook(Hook):
    """Starts a recogniser's backbone from a pretrained encoder.

    It loads strictly, and after all weights have been initialised, so that
    nothing overwrites them; a resumed run keeps its own weights. mmengine's
    ``init_cfg=dict(type='Pretrained')`` does neither reliably: it loads with
    ``strict=False``.

    Args:
        checkpoint (str, optional): Checkpoint of a :class:`.MultiViewRanker`,
            of a recogniser or of a bare backbone, or the work directory of a
            run, of which the latest one is taken.
        modality (str): Which encoder of a ranker. Defaults to ``'joint'``.
        scratch (bool): Say True to train without pretrained weights on
            purpose; ``checkpoint`` must then be None. Defaults to False.
        kind (str, optional): What the checkpoint is, see
            :func:`~deeprank_mm.engine.encoder_weights.read_encoder`.
            Defaults to None: detect.

    Raises:
        ValueError: If there is neither a checkpoint nor ``scratch=True``, or
            both.
    """

    @check_arguments
    def __init__(
        self,
        checkpoint: Optional[str] = None,
        modality: str = 'joint',
        scratch: bool = False,
        kind: Optional[str] = None,
    ) -> None:
        if (checkpoint is None) != scratch:
            raise ValueError(
                'LoadEncoderHook needs either a `checkpoint` (--pretrained '
                'PATH with our tools/train.py) or `scratch=True` '
                '(--pretrained none), and not both.'
            )
        self.checkpoint = checkpoint
        self.modality = modality
        self.kind = kind

    def before_train(self, runner) -> None:
        """Load the encoder into ``model.backbone``.

        Raises:
            FileNotFoundError: If there is no checkpoint.
            ValueError: If the checkpoint holds no such encoder, or a tensor
                is missing, unexpected or of another shape.
        """
        model = unwrap(runner.model)
        # `--resume` in an empty work directory begins like any other run
        if runner._resume and runner._has_loaded:
            source = 'the run that is resumed'
        elif self.checkpoint is None:
            source = 'scratch, on purpose'
            runner.logger.info('The backbone starts from scratch.')
        else:
            source = resolve_checkpoint(self.checkpoint)
            done = load_encoder(
                model.backbone,
                source,
                self.modality,
                self.kind,
                skeleton_of(runner.cfg),
            )
            runner.logger.info(done)
        if isinstance(model, FrozenRecognizerGCN):
            model.encoder_source = source
