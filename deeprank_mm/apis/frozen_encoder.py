"""One encoder of a config, with the weights of a checkpoint."""

from __future__ import annotations

import pickle
from typing import Dict, List, Optional

from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import Tensor

from deeprank_mm.engine.encoder_weights import load_encoder
from deeprank_mm.engine.skeleton_record import skeleton_of
from deeprank_mm.models.pooling import encode
from deeprank_mm.utils.launch import set_modality
from deeprank_mm.utils.usage import UsageError


class FrozenEncoder(BaseModel):
    """Features of one modality, as :func:`.extract_features` asks for them.

    Args:
        cfg (Config): Of a pretraining, or of a recogniser. A single-stream
            one is changed to the modality.
        modality (str, optional): Whose encoder. Defaults to None, the
            config's first.

    Raises:
        UsageError: The config has several modalities and not this one, or
            no encoder at all.
    """

    def __init__(self, cfg: Config, modality: Optional[str] = None) -> None:
        model = cfg.get('model') or {}
        backbone = model.get('encoder') or model.get('backbone')
        if backbone is None:
            raise UsageError(
                f'the model of the config, a {model.get("type")}, has neither '
                'an `encoder` nor a `backbone`.'
            )
        super().__init__(
            MODELS.build(
                model.get('data_preprocessor')
                or dict(type='ActionDataPreprocessor')
            )
        )
        have = modalities_of(cfg)
        if modality is not None and modality not in have:
            if len(have) > 1:
                raise UsageError(
                    f'modality {modality}: the config has {", ".join(have)}.'
                )
            set_modality(cfg, modality)
            have = [modality]
        self.modalities = have
        self.modality = modality or have[0]
        self.skeleton = skeleton_of(cfg)
        self.encoder = MODELS.build(backbone)

    def forward(
        self,
        inputs: Tensor,
        data_samples: Optional[list] = None,
        mode: str = 'tensor',
    ) -> Dict[str, Tensor]:
        """See :meth:`extract_feat`."""
        return self.extract_feat(inputs)

    def load(self, path: str) -> str:
        """Load the encoder out of a checkpoint of any kind, strictly.

        Args:
            path (str): The checkpoint file.

        Returns:
            str: A sentence for the log.

        Raises:
            UsageError: The checkpoint has no such encoder, or not all of it
                fits.
        """
        try:
            return load_encoder(
                self.encoder, path, self.modality, skeleton=self.skeleton
            )
        except (ValueError, pickle.UnpicklingError) as error:
            raise UsageError(str(error)) from error

    def extract_feat(self, inputs: Tensor) -> Dict[str, Tensor]:
        """One feature vector a sample.

        Args:
            inputs (Tensor): ``(B, clips, M, T, V, C x modalities)``.

        Returns:
            dict[str, Tensor]: ``(B, D)`` under the modality's name.
        """
        parts = inputs.chunk(len(self.modalities), dim=-1)
        part = parts[self.modalities.index(self.modality)]
        return {self.modality: encode(self.encoder, part)}


def modalities_of(cfg: Config) -> List[str]:
    """What the pipelines of a config make, or else its model takes.

    Args:
        cfg (Config): The config.

    Returns:
        list[str]: At least one name.
    """
    named = (cfg.get('model') or {}).get('modalities')
    if named:
        return list(named)
    record = skeleton_of(cfg)
    return list(record['modalities']) if record else ['joint']
