"""Linear evaluation: a recogniser of which only the classifier learns."""

from __future__ import annotations

from typing import Any, Dict, Optional

from mmaction.models import RecognizerGCN
from mmaction.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class FrozenRecognizerGCN(RecognizerGCN):
    """MMAction2's ``RecognizerGCN`` with a backbone that never changes.

    Its parameters take no gradient and all of it stays in eval mode, so that
    BatchNorm's statistics do not move either. This is a model and not a hook
    because DistributedDataParallel, which waits for every parameter that
    takes a gradient, is wrapped around it before any hook is called.

    It refuses to train on a backbone that nobody loaded: the accuracy of
    random features is a number, too. :class:`~.LoadEncoderHook` loads it, or
    says that it is from scratch on purpose.

    Args:
        **kwargs: As ``RecognizerGCN``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backbone.requires_grad_(False).eval()
        #: Where the weights of the backbone are from; None: initialised.
        self.encoder_source: Optional[str] = None

    def train(self, mode: bool = True) -> FrozenRecognizerGCN:
        """Set the training mode; the backbone stays in eval mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def loss(self, *args: Any, **kwargs: Any) -> Dict[str, Tensor]:
        """Losses of the classifier, see ``BaseRecognizer.loss``.

        Raises:
            RuntimeError: If no encoder was loaded.
        """
        if self.encoder_source is None:
            raise RuntimeError(
                'Linear evaluation needs a pretrained backbone, and nothing '
                "was loaded: add dict(type='LoadEncoderHook', "
                'checkpoint=...) to `custom_hooks`, or the same with '
                'scratch=True to evaluate random features on purpose.'
            )
        return super().loss(*args, **kwargs)
