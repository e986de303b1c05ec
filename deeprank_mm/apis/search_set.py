"""The sequences among which the nearest ones are sought."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Optional, Sequence

import torch
from mmaction.registry import DATASETS
from mmengine.config import Config
from torch.utils.data import Dataset, Subset

from deeprank_mm.datasets import with_pipeline
from deeprank_mm.engine.extraction import (
    check_deterministic,
    extract_features,
    feature_loader,
)
from deeprank_mm.structures import FeatureBank, load_bank, sample_id_of
from deeprank_mm.utils.usage import UsageError
from deeprank_mm.visualization import as_recorded, steps_of

from .frozen_encoder import FrozenEncoder

# Features of the same weights differ by rounding, never by this much.
_SAME = 1 - 1e-5


class SearchSet:
    """A split of a config, through the test pipeline and as recorded.

    Attributes:
        name (str): Of the split.
        row (dict[str, int]): Position of each sample, by its id.

    Args:
        cfg (Config): With a ``test_dataloader``.
        name (str): ``'test'`` or ``'train'``, which is what is trained on,
            held-out part included.

    Raises:
        UsageError: The config has no such split, or its test pipeline is
            random.
    """

    def __init__(self, cfg: Config, name: str) -> None:
        loader = cfg.get('test_dataloader')
        if loader is None:
            raise UsageError('the config has no test_dataloader.')
        pipeline = test_steps(cfg)
        part = loader.dataset
        if name == 'train':
            part = dict(cfg.train_dataloader.dataset)
            part.pop('holdout', None)
        built = DATASETS.build(part)
        self.name = name
        self.dataset: Dataset = with_pipeline(built, pipeline)
        self.recorded = as_recorded(built, pipeline)
        ids = getattr(built, 'sample_ids', None) or [
            sample_id_of(self.recorded[i]) for i in range(len(self.recorded))
        ]
        self.row = {name: i for i, name in enumerate(ids)}
        self._loader = (loader.get('batch_size', 64), 0)
        try:
            check_deterministic(self.dataset)
        except ValueError as error:
            raise UsageError(
                "the config's test pipeline is random: two readings of a "
                'sample differ, and so would its neighbours.'
            ) from error

    def extract(
        self, encoder: FrozenEncoder, ids: Optional[Sequence[str]] = None
    ) -> FeatureBank:
        """Features of the split, or of some of its samples.

        Args:
            encoder (FrozenEncoder): With its weights.
            ids (Sequence[str], optional): Which samples. Defaults to all.

        Returns:
            FeatureBank: Of the encoder's modality.
        """
        dataset = self.dataset
        if ids is not None:
            dataset = Subset(dataset, [self.row[name] for name in ids])
        return extract_features(
            encoder, feature_loader(dataset, *self._loader)
        )

    def annotation(self, name: str) -> dict:
        """A sample as recorded.

        Args:
            name (str): Its id.

        Returns:
            dict: The annotation, with ``keypoint`` ``(M, T, V, C)``.
        """
        return self.recorded[self.row[name]]

    def bank(
        self,
        encoder: FrozenEncoder,
        path: Optional[str] = None,
        say: Callable[[str], None] = print,
    ) -> FeatureBank:
        """Features of the whole split, kept in a file for the next time.

        Args:
            encoder (FrozenEncoder): With its weights.
            path (str, optional): Read if it is there, else written. Defaults
                to None, no file.
            say (Callable): Gets one sentence when the file was written.

        Returns:
            FeatureBank: Of the encoder's modality.

        Raises:
            UsageError: The file holds other samples, or features of another
                encoder.
        """
        if path is None or not Path(path).is_file():
            bank = self.extract(encoder)
            if path is not None:
                bank.save(path)
                say(f'saved the features to {path}')
            return bank
        bank = load_bank(path)
        if sorted(self.row) != bank.ids:
            raise UsageError(
                f'--bank {path} holds {len(bank)} other samples than the '
                f'{len(self.row)} of the {self.name} split: name another '
                'file.'
            )
        probes = bank.ids[:: max(1, len(bank) // 3)]
        own = self.extract(encoder, probes)
        kept = bank.lookup(bank.rows(own.ids)).get(encoder.modality)
        new = own.features[encoder.modality]
        if kept is None or kept.shape != new.shape or not _same(kept, new):
            raise UsageError(
                f'--bank {path} holds features of another encoder than the '
                'checkpoint: name another file.'
            )
        return bank


def test_steps(cfg: Config) -> list:
    """The steps of the test pipeline.

    Args:
        cfg (Config): With a ``test_dataloader``.

    Returns:
        list[dict]: The steps.

    Raises:
        UsageError: There are none.
    """
    loader = cfg.get('test_dataloader')
    try:
        return steps_of(loader.dataset if loader else {})
    except ValueError as error:
        raise UsageError(str(error)) from error


def _same(one: torch.Tensor, two: torch.Tensor) -> bool:
    one, two = one.double(), two.double()
    cosine = torch.cosine_similarity(one, two)
    return bool(((cosine > _SAME) | (one == two).all(1)).all())
