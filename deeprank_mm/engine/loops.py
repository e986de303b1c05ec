"""Evaluation of frozen features on a test split."""

from __future__ import annotations

from typing import Dict, Union

from mmaction.registry import DATASETS, LOOPS
from mmengine.evaluator import Evaluator
from mmengine.runner import TestLoop, ValLoop
from torch.utils.data import DataLoader

from deeprank_mm.arguments import check_arguments
from deeprank_mm.evaluation import SupportMetric

from .calibration import calibrate_batch_norm
from .extraction import extract_features, feature_loader, unwrap


class _SupportLoop:
    """Extracts the labelled set first, and gives it to the metrics."""

    @check_arguments
    def __init__(
        self,
        runner,
        dataloader: Union[DataLoader, Dict],
        evaluator: Union[Evaluator, Dict, list],
        support_dataloader: dict,
        calibrate: bool = False,
        fp16: bool = False,
    ) -> None:
        super().__init__(runner, dataloader, evaluator, fp16=fp16)
        self.support_dataloader = support_dataloader
        self.calibrate = calibrate

    def run(self) -> dict:
        """Extract the support, then evaluate.

        Returns:
            dict: The metrics.
        """
        cfg = self.support_dataloader
        dataset = DATASETS.build(cfg['dataset'])
        model = unwrap(self.runner.model)
        if self.calibrate:
            calibrate_batch_norm(model, dataset)
        support = extract_features(
            model,
            feature_loader(
                dataset, cfg.get('batch_size', 64), cfg.get('num_workers', 0)
            ),
            'Labelled features',
        )
        for metric in self.evaluator.metrics:
            if isinstance(metric, SupportMetric):
                metric.support = support
        return super().run()


@LOOPS.register_module()
class FeatureTestLoop(_SupportLoop, TestLoop):
    """Test loop that first extracts the labelled set to compare with.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader or dict): The test split: the queries.
        evaluator (Evaluator or dict or list): With
            :class:`~deeprank_mm.evaluation.SupportMetric` metrics.
        support_dataloader (dict): ``dataset``, ``batch_size`` and
            ``num_workers`` of the labelled split, with the test pipeline.
        calibrate (bool): Calibrate BatchNorm on the support first: for an
            encoder that has not been trained. Defaults to False.
        fp16 (bool): See mmengine's ``TestLoop``. Defaults to False.
    """


@LOOPS.register_module()
class FeatureValLoop(_SupportLoop, ValLoop):
    """Validation by frozen features, for methods that keep no bank.

    Where labels are refreshed, :class:`.BankEvalHook` says as much at no
    extra pass.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader or dict): The held-out samples: the queries.
        evaluator (Evaluator or dict or list): With
            :class:`~deeprank_mm.evaluation.SupportMetric` metrics.
        support_dataloader (dict): ``dataset``, ``batch_size`` and
            ``num_workers`` of the labelled split, with the test pipeline.
        calibrate (bool): Calibrate BatchNorm on the support first: for an
            encoder that has not been trained. Defaults to False.
        fp16 (bool): See mmengine's ``ValLoop``. Defaults to False.
    """
