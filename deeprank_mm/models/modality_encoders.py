"""What all pretraining models share: one encoder a modality."""

from __future__ import annotations

from abc import abstractmethod
from typing import Dict, List, Mapping, Optional, Sequence, Union

import torch
import torch.nn as nn
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.dist import broadcast
from mmengine.model import BaseModel
from torch import Tensor

from deeprank_mm.randomness import keyed_randomness
from deeprank_mm.structures import check_packed, set_feature

from .pooling import encode


class ModalityEncoders(BaseModel):
    """Base of the pretraining models: encoders, and features out of them.

    A checkpoint names them ``encoders.{modality}.*``, whatever the method:
    by that :func:`~deeprank_mm.engine.encoder_weights.load_encoder` finds
    them.

    Args:
        encoder (dict): Config of a backbone: any of MMAction2's GCN
            backbones, or anything :func:`.encode` can pool. Every
            modality gets one of its own.
        modalities (Sequence[str]): In the order in which the pipeline joins
            them on the channel axis.
        data_preprocessor (dict, optional): Defaults to MMAction2's
            ``ActionDataPreprocessor``, which only stacks the batch.
        init_cfg (dict or list[dict], optional): Initialisation config.

    Raises:
        ValueError: If the modalities are not distinct names, or torch has
            another use for one.
    """

    def __init__(
        self,
        encoder: dict,
        modalities: Sequence[str],
        data_preprocessor: Optional[dict] = None,
        init_cfg: Union[dict, List[dict], None] = None,
    ) -> None:
        # built here: mmengine's own registry knows it only in a run whose
        # default scope is mmaction
        preprocessor = MODELS.build(
            data_preprocessor or dict(type='ActionDataPreprocessor')
        )
        # whoever calls it: a step, a label refresh, a validation
        preprocessor.register_forward_pre_hook(_check_batch)
        super().__init__(data_preprocessor=preprocessor, init_cfg=init_cfg)
        self.modalities = tuple(modalities)
        check_distinct('modalities', self.modalities)
        for name in self.modalities:
            if not name or '.' in name or hasattr(nn.ModuleDict(), name):
                raise ValueError(
                    f'A modality cannot be named {name!r}, which torch has '
                    'another use for: choose another name.'
                )
        # Each modality draws its first weights from random numbers of its
        # own, so they do not depend on which others are there: a stream of
        # 3s-DeepRank starts, and goes on, as a run of that stream alone.
        self._seed = int(torch.randint(2**62, (), device='cpu'))
        self.encoders = nn.ModuleDict()
        for name in self.modalities:
            with keyed_randomness(self._seed, 'encoder', name):
                self.encoders[name] = MODELS.build(encoder)

    def init_weights(self) -> None:
        """Initialise the encoders as their own class says."""
        for name, encoder in self.encoders.items():
            with keyed_randomness(self._seed, 'init encoder', name):
                initialise(encoder)
        super().init_weights()

    def forward(
        self,
        inputs: Union[Tensor, Dict[str, Tensor]],
        data_samples: Optional[List[ActionDataSample]] = None,
        mode: str = 'tensor',
    ):
        """Entry point of mmengine; see the method named by the mode.

        Args:
            inputs (Tensor or dict[str, Tensor]): See :meth:`extract_feat`.
            data_samples (list[ActionDataSample], optional): One a sample.
            mode (str): ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            dict or list: Losses, data samples with features, or features.

        Raises:
            ValueError: If the mode is unknown.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.extract_feat(inputs)
        raise ValueError(
            f"Unknown mode {mode!r}: 'loss', 'predict' or 'tensor'."
        )

    @abstractmethod
    def loss(
        self,
        inputs: Union[Tensor, Dict[str, Tensor]],
        data_samples: List[ActionDataSample],
    ) -> Dict[str, Tensor]:
        """What the method minimises."""

    def extract_feat(
        self,
        inputs: Union[Tensor, Dict[str, Tensor]],
        modalities: Optional[Sequence[str]] = None,
    ) -> Dict[str, Tensor]:
        """One feature vector a sample and modality (eqs. 4, 5, 15, 16).

        Args:
            inputs (Tensor or dict[str, Tensor]): Skeletons
                ``(B, clips, M, T, V, C x modalities)``; features are averaged
                over clips. A dict gives each modality its own tensor. With
                one modality any other tensor goes to the encoder as it is,
                such as images ``(B, C, H, W)``.
            modalities (Sequence[str], optional): Which to compute. Defaults
                to all.

        Returns:
            dict[str, Tensor]: For each modality ``(B, D)``.
        """
        parts = self._split_modalities(inputs)
        return {
            name: encode(self.encoders[name], parts[name])
            for name in modalities or self.modalities
        }

    def _split_modalities(
        self, inputs: Union[Tensor, Dict[str, Tensor]]
    ) -> Dict[str, Tensor]:
        if isinstance(inputs, Mapping):
            missing = [m for m in self.modalities if m not in inputs]
            if missing:
                raise ValueError(
                    f'The inputs hold {sorted(inputs)}, but no '
                    f'{", ".join(missing)}.'
                )
            return dict(inputs)
        if len(self.modalities) == 1:
            return {self.modalities[0]: inputs}
        if inputs.shape[-1] % len(self.modalities):
            raise ValueError(
                f'{inputs.shape[-1]} input channels do not split into '
                f'{len(self.modalities)} modalities: give GenerateModalities '
                f'modalities={list(self.modalities)}.'
            )
        parts = inputs.chunk(len(self.modalities), dim=-1)
        return dict(zip(self.modalities, parts))

    def predict(
        self,
        inputs: Union[Tensor, Dict[str, Tensor]],
        data_samples: List[ActionDataSample],
    ) -> List[ActionDataSample]:
        """Attach features to the data samples.

        Metrics take what they measure from them, over a whole split, so that
        it does not depend on how samples were batched.

        Args:
            inputs (Tensor or dict[str, Tensor]): See :meth:`extract_feat`.
            data_samples (list[ActionDataSample]): One a sample.

        Returns:
            list[ActionDataSample]: The same, each with ``feat_{modality}``
            ``(D, )`` float32.
        """
        for name, values in self.extract_feat(inputs).items():
            for sample, value in zip(data_samples, values.float()):
                set_feature(sample, name, value)
        return data_samples


class SharedEncoder(nn.Module):
    """Another encoder in the place of a model's own.

    One for all modalities, on the same data: features of an encoder that is
    not trained, such as those that the first labels come from. Its random
    weights, if it has any, depend on the model's seed alone.

    Args:
        model (ModalityEncoders): Whose data it is, and where.
        encoder (dict): Config of a backbone, see :func:`.encode`.
    """

    def __init__(self, model: ModalityEncoders, encoder: dict) -> None:
        super().__init__()
        with keyed_randomness(model._seed, 'shared encoder'):
            self.encoder = MODELS.build(encoder)
            initialise(self.encoder)
        self.to(next(model.parameters()).device)
        for value in self.encoder.state_dict().values():
            broadcast(value)  # processes may have been seeded differently
        self.modalities = model.modalities
        self.data_preprocessor = model.data_preprocessor
        # a method is no module: the model is not part of this one
        self._split = model._split_modalities

    def extract_feat(
        self, inputs: Union[Tensor, Dict[str, Tensor]]
    ) -> Dict[str, Tensor]:
        """See :meth:`ModalityEncoders.extract_feat`; of all modalities."""
        parts = self._split(inputs)
        return {
            name: encode(self.encoder, parts[name]) for name in self.modalities
        }


def _check_batch(_: nn.Module, arguments: tuple) -> None:
    if isinstance(arguments[0], Mapping):
        check_packed(arguments[0])


def check_distinct(what: str, names: Sequence[str]) -> None:
    """Refuse names that are none, or occur twice.

    Args:
        what (str): The argument they were given as.
        names (Sequence[str]): The names.

    Raises:
        ValueError: If they are not distinct.
    """
    if not names or len(set(names)) != len(names):
        raise ValueError(f'`{what}` must be distinct names, got {names}.')


def initialise(module: nn.Module) -> None:
    """Initialise a module that knows how; plain torch modules are ready.

    Args:
        module (nn.Module): Changed in place.
    """
    if hasattr(module, 'init_weights'):
        module.init_weights()
