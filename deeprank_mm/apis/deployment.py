"""A finetuned recogniser as one file that needs none of this to run."""

from __future__ import annotations

import importlib.util
import json
import warnings
from typing import Any, Callable, Dict, Sequence, Tuple

import numpy as np
import torch
import torch.nn as nn
from torch import Tensor

from deeprank_mm import __version__
from deeprank_mm.atomic import atomic_write
from deeprank_mm.utils.usage import UsageError

from .example import example_inputs
from .frozen_encoder import modalities_of
from .inferencer import SkeletonInferencer

FORMATS = ('torchscript', 'onnx')
#: Name of the description inside of a TorchScript file.
DESCRIPTION = 'deeprank_mm.json'
_OPSET = 17
# Other kernels add in another order; more is another function.
_TOLERANCE = 1e-4


class ScoreModel(nn.Module):
    """From skeletons to probabilities, without data samples.

    Args:
        recogniser (nn.Module): A ``RecognizerGCN``.
    """

    def __init__(self, recogniser: nn.Module) -> None:
        super().__init__()
        self.backbone = recogniser.backbone
        self.cls_head = recogniser.cls_head

    def forward(self, inputs: Tensor) -> Tensor:
        """Probabilities, averaged over clips.

        Args:
            inputs (Tensor): ``(B, clips, M, T, V, C)``.

        Returns:
            Tensor: ``(B, classes)``.
        """
        clips = inputs.shape[1]
        scores = self.cls_head(self.backbone(inputs.flatten(0, 1)))
        scores = scores.softmax(-1)
        return scores.view(-1, clips, scores.shape[-1]).mean(1)


def export(inferencer: SkeletonInferencer, out: str, kind: str) -> str:
    """Write a recogniser, and check that the file computes the same.

    Args:
        inferencer (SkeletonInferencer): Of a recogniser.
        out (str): The file.
        kind (str): ``'torchscript'`` or ``'onnx'``.

    Returns:
        str: What was written, and how well it agrees.

    Raises:
        UsageError: It is no recogniser, a package is missing, or the file
            would not compute the same.
    """
    if inferencer.task != 'classify':
        raise UsageError(
            f'{inferencer.path} is a pretraining and has no classes: export '
            'a finetuned recogniser.'
        )
    if kind not in FORMATS:
        raise UsageError(f'format {kind!r}: choose one of {FORMATS}.')
    if kind == 'onnx' and importlib.util.find_spec('onnx') is None:
        raise UsageError(
            'the format onnx needs the package onnx (pip install onnx); '
            'torchscript needs none.'
        )
    one = example_inputs(inferencer.cfg)
    model = ScoreModel(inferencer.model).cpu().eval()
    # Another batch size than the traced one: what was recorded as a constant
    # shows.
    several = one + torch.rand(3, *one.shape[1:])
    write = _write_torchscript if kind == 'torchscript' else _write_onnx
    with torch.no_grad(), warnings.catch_warnings():
        # checks of shapes become constants, which the comparison is for
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        run = write(model, one, out, _describe(inferencer, one))
        worst = 0.0
        for inputs in (one, several):
            expected = _predicted(inferencer, inputs)
            worst = max(worst, float((run(inputs) - expected).abs().max()))
    if not worst <= _TOLERANCE:
        raise UsageError(
            f'{out} was written but computes something else than the model: '
            f'probabilities differ by up to {worst:.2g}. Do not use it.'
        )
    return (
        f'{kind} of inputs {tuple(one.shape)} (any batch size) written to '
        f'{out}; probabilities differ by at most {worst:.1e}'
    )


def _predicted(inferencer: SkeletonInferencer, inputs: Tensor) -> Tensor:
    """Probabilities as ``tools/test.py`` gets them, ``(B, classes)``."""
    from mmaction.structures import ActionDataSample

    model = inferencer.model.cpu()
    samples = [ActionDataSample() for _ in inputs]
    rows = []
    for sample in model(inputs, samples, mode='predict'):
        score = sample.get('pred_score')
        rows.append(sample.pred_scores.item if score is None else score)
    return torch.stack(rows)


def _describe(inferencer: SkeletonInferencer, one: Tensor) -> Dict[str, Any]:
    return dict(
        deeprank_mm_version=__version__,
        axes=['batch', 'clips', 'persons', 'frames', 'joints', 'channels'],
        shape=list(one.shape),
        modalities=modalities_of(inferencer.cfg),
        output='probabilities (batch, classes)',
    )


def _write_torchscript(
    model: nn.Module, one: Tensor, out: str, about: Dict[str, Any]
) -> Callable[[Tensor], Tensor]:
    traced = torch.jit.trace(model, one, check_trace=False)
    with atomic_write(out) as file:
        torch.jit.save(
            traced, file, _extra_files={DESCRIPTION: json.dumps(about)}
        )
    return torch.jit.load(out)


def _write_onnx(
    model: nn.Module, one: Tensor, out: str, about: Dict[str, Any]
) -> Callable[[Tensor], Tensor]:
    import onnx
    from onnx.reference import ReferenceEvaluator

    names: Tuple[Sequence[str], Sequence[str]] = (['skeletons'], ['scores'])
    torch.onnx.export(
        model,
        (one,),
        out,
        input_names=names[0],
        output_names=names[1],
        dynamic_axes={'skeletons': {0: 'batch'}, 'scores': {0: 'batch'}},
        opset_version=_OPSET,
        dynamo=False,
    )
    content = onnx.load(out)
    onnx.checker.check_model(content)
    for key, value in about.items():
        entry = content.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value)
    onnx.save(content, out)
    evaluator = ReferenceEvaluator(content)

    def run(inputs: Tensor) -> Tensor:
        (scores,) = evaluator.run(None, {'skeletons': inputs.numpy()})
        return torch.from_numpy(np.asarray(scores))

    return run
