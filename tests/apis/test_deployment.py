"""An exported recogniser computes what the model does."""

import importlib.util
import json
import subprocess
import sys

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope

from deeprank_mm.apis import SkeletonInferencer
from deeprank_mm.apis.deployment import DESCRIPTION, ScoreModel, export
from deeprank_mm.utils.usage import UsageError
from tests import toy

STTFORMER = dict(
    type='STTFormer',
    num_joints=5,
    num_frames=8,
    len_parts=4,
    num_heads=1,
    config=[[8, 8, 4]],
)


def recogniser(folder, backbone=toy.ENCODER):
    cfg = toy.finetune_config(folder)
    cfg.model.backbone = backbone
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg.model)
    for module in model.modules():
        if hasattr(module, 'running_var'):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2.0)
    # beside the usual start, where all classes are about as likely
    torch.nn.init.normal_(model.cls_head.fc.weight)
    path = folder / 'toy.pth'
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(cfg=cfg.pretty_text)),
        path,
    )
    return SkeletonInferencer(str(path), device='cpu')


# In a process without MMAction2 and without this package.
ELSEWHERE = f"""
import json, sys
for name in ('deeprank_mm', 'mmaction', 'mmengine'):
    sys.modules[name] = None
import torch
about = {{'{DESCRIPTION}': ''}}
model = torch.jit.load(sys.argv[1], _extra_files=about)
torch.save(model(torch.load(sys.argv[2])), sys.argv[3])
print(about['{DESCRIPTION}'].decode())
"""


@pytest.mark.parametrize('backbone', [toy.ENCODER, STTFORMER], ids=['a', 'b'])
def test_torchscript_runs_without_us(tmp_path, backbone):
    inferencer = recogniser(tmp_path, backbone)
    out = tmp_path / 'model.pt'
    said = export(inferencer, str(out), 'torchscript')
    assert 'differ by at most' in said
    inputs = torch.randn(4, 2, 1, 8, 5, 3)
    torch.save(inputs, tmp_path / 'in.pth')
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            ELSEWHERE,
            out,
            tmp_path / 'in.pth',
            tmp_path / 'out.pth',
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        expected = inferencer.model(inputs, mode='tensor', stage='head')
    if isinstance(expected, tuple):
        expected = expected[0]
    expected = expected.softmax(-1).view(4, 2, -1).mean(1)
    found = torch.load(tmp_path / 'out.pth')
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    about = json.loads(done.stdout.splitlines()[-1])
    assert about['shape'] == [1, 1, 1, 8, 5, 3]
    assert about['modalities'] == ['joint']


@pytest.mark.skipif(
    importlib.util.find_spec('onnx') is None, reason='onnx is not installed'
)
def test_onnx_agrees(tmp_path):
    inferencer = recogniser(tmp_path)
    said = export(inferencer, str(tmp_path / 'model.onnx'), 'onnx')
    assert 'any batch size' in said


def test_a_file_that_computes_something_else_is_an_error(
    tmp_path, monkeypatch
):
    inferencer = recogniser(tmp_path)
    monkeypatch.setattr(
        ScoreModel, 'forward', lambda self, x: x.flatten(1)[:, :2].softmax(-1)
    )
    with pytest.raises(UsageError, match='computes something else'):
        export(inferencer, str(tmp_path / 'x.pt'), 'torchscript')


def test_what_cannot_be_exported(tmp_path, monkeypatch):
    inferencer = recogniser(tmp_path)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(UsageError, match='pip install onnx'):
        export(inferencer, str(tmp_path / 'x.onnx'), 'onnx')
    inferencer.task = 'retrieve'
    with pytest.raises(UsageError, match='a pretraining'):
        export(inferencer, str(tmp_path / 'x.pt'), 'torchscript')
