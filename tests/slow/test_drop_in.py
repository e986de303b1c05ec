"""A user's MMAction2 project: its own tools, and one line of ours."""

import os
import subprocess
import sys
from pathlib import Path

import mmaction
import pytest
import torch

from tests import toy

pytestmark = pytest.mark.slow

UPSTREAM = Path(mmaction.__file__).parent / '.mim' / 'tools'


def run(tool, *options):
    done = subprocess.run(
        [sys.executable, UPSTREAM / tool, *map(str, options)],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_pretraining_and_finetuning_with_mmaction2s_own_tools(tmp_path):
    cfg = toy.pretrain_config(tmp_path, epochs=2)
    cfg.custom_imports = dict(imports=['deeprank_mm'])
    cfg.dump(str(tmp_path / 'pretrain.py'))
    run('train.py', tmp_path / 'pretrain.py')
    assert (tmp_path / 'work' / 'epoch_2.pth').is_file()
    run(
        'train.py',
        tmp_path / 'pretrain.py',
        '--resume',
        '--cfg-options',
        'train_cfg.max_epochs=3',
    )
    saved = torch.load(tmp_path / 'work' / 'epoch_3.pth', weights_only=True)
    assert saved['rank_label_hook']['cycle'] == 3

    cfg.work_dir = str(tmp_path / 'tuned')
    cfg.model = dict(
        type='RecognizerGCN',
        backbone=toy.ENCODER,
        cls_head=dict(type='GCNHead', num_classes=2, in_channels=toy.WIDTH),
    )
    cfg.val_evaluator = [dict(type='AccMetric')]
    cfg.custom_hooks = [
        dict(type='LoadEncoderHook', checkpoint=str(tmp_path / 'work'))
    ]
    cfg.test_dataloader = cfg.val_dataloader
    cfg.test_evaluator = cfg.val_evaluator
    cfg.test_cfg = dict(type='TestLoop')
    cfg.dump(str(tmp_path / 'finetune.py'))
    out = run('train.py', tmp_path / 'finetune.py')
    assert 'strictly from' in out
    out = run(
        'test.py', tmp_path / 'finetune.py', tmp_path / 'tuned' / 'epoch_2.pth'
    )
    assert 'acc/top1' in out


def test_importing_us_adds_names_and_changes_none():
    program = """
import importlib_metadata
from mmengine.config import Config
import sys
{first}
import mmaction.registry as registry
import mmaction.models, mmaction.datasets, mmaction.engine, mmaction.evaluation
import torch
from mmaction.registry import MODELS
from mmaction.utils import register_all_modules
register_all_modules()
names = {{}}
for kind in ('MODELS', 'DATASETS', 'TRANSFORMS', 'HOOKS', 'METRICS', 'LOOPS'):
    for name, cls in getattr(registry, kind).module_dict.items():
        if not cls.__module__.startswith('deeprank_mm'):
            names[kind, name] = cls.__module__
torch.manual_seed(0)
model = MODELS.build(dict(type='RecognizerGCN', backbone=dict(type='STGCN',
    graph_cfg=dict(layout='coco', mode='spatial')),
    cls_head=dict(type='GCNHead', num_classes=3, in_channels=256)))
model.init_weights()
model.eval()
with torch.no_grad():
    out = model(torch.randn(2, 1, 1, 9, 17, 3), stage='head', mode='tensor')
print(sorted(names.items()), out[0].tolist() if isinstance(out, tuple)
      else out.tolist())
"""
    # without us the published 1.2.0 cannot be imported: the bare compat is
    # the least that lets it
    bare = (
        'import importlib.util as u, sys\n'
        "spec = u.find_spec('deeprank_mm')\n"
        "path = spec.submodule_search_locations[0] + '/compat.py'\n"
        "spec = u.spec_from_file_location('only_compat', path)\n"
        'module = u.module_from_spec(spec)\n'
        'spec.loader.exec_module(module)\n'
        'module.apply()'
    )
    outputs = []
    for first in (bare, 'import deeprank_mm'):
        done = subprocess.run(
            [sys.executable, '-c', program.format(first=first)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        outputs.append(done.stdout.splitlines()[-1])
    assert 'STGCN' in outputs[0]
    assert outputs[0] == outputs[1]
