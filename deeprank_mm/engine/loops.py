"""Training by a number of steps, and evaluation of frozen features."""

from __future__ import annotations

import math
from typing import Dict, Optional, Union

from mmaction.registry import DATASETS, LOOPS
from mmengine.evaluator import Evaluator
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.utils.data import DataLoader

from deeprank_mm.arguments import check_arguments
from deeprank_mm.evaluation import SupportMetric

from .calibration import calibrate_batch_norm
from .extraction import extract_features, feature_loader, unwrap


def number_of_epochs(batches: int, steps: int, min_epochs: int = 1) -> int:
    """How many epochs make a number of steps.

    Args:
        batches (int): Of an epoch.
        steps (int): At least so many in all.
        min_epochs (int): At least so many epochs. Defaults to 1.

    Returns:
        int: Epochs.
    """
    return max(min_epochs, math.ceil(steps / batches))


@LOOPS.register_module()
class StepsTrainLoop(EpochBasedTrainLoop):
    """Training by epochs, as many as make a number of steps.

    What an encoder learns of a small data set depends on the steps that it
    takes, and an epoch of a hundred sequences is three or four of them. So
    that a config need not know how many sequences there are, it says how many
    steps are enough, and from how many epochs on large data has enough.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader or dict): The training data.
        steps (int): As many epochs as make at least so many iterations,
        min_epochs (int): and not fewer than this. Defaults to 1.
        max_epochs (int, optional): Exactly so many epochs in place of both,
            as of mmengine's ``EpochBasedTrainLoop``. Defaults to None.
        val_begin (int): The first epoch after which to validate. Defaults
            to 1.
        val_interval (int): In epochs. Defaults to 1.
        dynamic_intervals (list[tuple[int, int]], optional): See
            ``EpochBasedTrainLoop``. Defaults to None.

    Raises:
        ValueError: ``steps`` or ``min_epochs`` is not positive, or there is
            no batch.
    """

    @check_arguments
    def __init__(
        self,
        runner,
        dataloader: Union[DataLoader, Dict],
        steps: int,
        min_epochs: int = 1,
        max_epochs: Optional[int] = None,
        val_begin: int = 1,
        val_interval: int = 1,
        dynamic_intervals: Optional[list] = None,
    ) -> None:
        for name, value in (('steps', steps), ('min_epochs', min_epochs)):
            if value < 1:
                raise ValueError(
                    f'StepsTrainLoop: `{name}` must be 1 or more, got {value}.'
                )
        # mmengine counts the batches of a loader when it has built it
        super().__init__(
            runner,
            dataloader,
            1 if max_epochs is None else max_epochs,
            val_begin,
            val_interval,
            dynamic_intervals,
        )
        if max_epochs is not None:
            return
        batches = len(self.dataloader)
        if not batches:
            raise ValueError(
                'StepsTrainLoop: the training data has no batch; lower '
                'train_dataloader.batch_size, or leave out drop_last.'
            )
        self._max_epochs = number_of_epochs(batches, steps, min_epochs)
        self._max_iters = self._max_epochs * batches
        self.runner.logger.info(
            f'Training takes {self._max_epochs} epochs of {batches} steps.'
        )


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
