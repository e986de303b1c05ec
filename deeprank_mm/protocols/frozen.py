"""kNN and linear evaluation, on features that are extracted once."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Tuple

from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import barrier, is_main_process
from mmengine.registry import DefaultScope

from deeprank_mm.apis.frozen_encoder import FrozenEncoder
from deeprank_mm.datasets import labelled_subset, with_pipeline
from deeprank_mm.engine.calibration import calibrate_batch_norm
from deeprank_mm.engine.extraction import extract_features, feature_loader
from deeprank_mm.evaluation import knn_votes, linear_probe
from deeprank_mm.evaluation.predictions import Predictions
from deeprank_mm.models.backbones import JointDistances
from deeprank_mm.randomness import keyed_randomness
from deeprank_mm.structures import FeatureBank

from .cells import Cell, number_of


class FeatureCache:
    """Features of the training and the test split, extracted when needed.

    Args:
        cfg (Config): A finetuning config: its backbone, its data.
        root (Path): Folder of the benchmark.
        context (str): What features depend on beside the weights.
    """

    def __init__(self, cfg: Config, root: Path, context: str) -> None:
        self.cfg = cfg
        self.root = Path(root) / 'features'
        self.context = context

    def banks(self, cell: Cell) -> Tuple[FeatureBank, FeatureBank]:
        """Features of a cell's encoder.

        Args:
            cell (Cell): The cell.

        Returns:
            tuple[FeatureBank, FeatureBank]: Training and test split.
        """
        identity = cell.identity()
        if cell.checkpoint is None:
            identity = f'{identity} {cell.seed}'
        name = hashlib.sha256(
            f'{self.context}\0{identity}\0{cell.modality}'.encode()
        ).hexdigest()[:16]
        paths = [
            self.root / f'{name}_{part}.pth' for part in ('train', 'test')
        ]
        if not all(path.is_file() for path in paths):
            scope = self.cfg.get('default_scope', 'mmaction')
            with DefaultScope.overwrite_default_scope(scope):
                banks = self._extract(cell)
            if is_main_process():
                for bank, path in zip(banks, paths):
                    bank.save(str(path))
            barrier()
        return tuple(FeatureBank.load(str(path)) for path in paths)

    def _extract(self, cell: Cell) -> Tuple[FeatureBank, FeatureBank]:
        cfg = copy.deepcopy(self.cfg)
        # first of all, for it may change the modality of the pipelines
        model = self._encoder(cfg, cell)
        test = DATASETS.build(cfg.test_dataloader.dataset)
        train = with_pipeline(
            DATASETS.build(cfg.train_dataloader.dataset), test.pipeline
        )
        model.to(get_device())
        if cell.source.kind == 'random':
            calibrate_batch_norm(model, train)
        loader = cfg.test_dataloader
        return tuple(
            extract_features(
                model,
                feature_loader(
                    dataset, loader.batch_size, loader.get('num_workers', 0)
                ),
                f'{cell.source.name}, {cell.modality}, {part} features',
            )
            for part, dataset in (('train', train), ('test', test))
        )

    @staticmethod
    def _encoder(cfg: Config, cell: Cell) -> FrozenEncoder:
        with keyed_randomness(cell.seed, 'backbone', cell.modality):
            model = FrozenEncoder(cfg, cell.modality)
            model.encoder.init_weights()
        if cell.source.kind == 'distances':
            # own data says which channels are coordinates
            model.encoder = JointDistances(dims=cfg.get('dims'))
        if cell.checkpoint is not None:
            model.load(cell.checkpoint)
        return model


def predict_frozen(
    cell: Cell, train: FeatureBank, test: FeatureBank
) -> Predictions:
    """Classify the test split by frozen features.

    Args:
        cell (Cell): With a kNN or linear protocol; a share of labels takes
            the labelled subset that the seed names.
        train (FeatureBank): The labelled features.
        test (FeatureBank): The features to classify.

    Returns:
        Predictions: Of the test split.

    Raises:
        ValueError: A bank has no labels.
    """
    for what, bank in (('training', train), ('test', test)):
        if bank.labels is None:
            raise ValueError(
                f'{cell}: some samples of the {what} split have no label.'
            )
    features, labels = train.features[cell.modality], train.labels
    queries = test.features[cell.modality]
    if cell.protocol.startswith('knn'):
        scores = knn_votes(
            features, labels, queries, int(number_of(cell.protocol))
        )
    else:
        rows = labelled_subset(
            train.ids, labels.tolist(), number_of(cell.protocol), cell.seed
        )
        scores = linear_probe(features[rows], labels[rows], queries)
    return Predictions(test.ids, scores.double().numpy(), test.labels.numpy())
