"""An exported encoder in a project that does not have this package."""

import os
import subprocess
import sys

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope

from tests import toy

pytestmark = pytest.mark.slow

STOCK = """
import sys
sys.modules['deeprank_mm'] = None
from tests.stock import stand_in
stand_in()

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmaction.utils import register_all_modules

register_all_modules()
cfg = Config.fromfile('stock.py')
runner = Runner.from_cfg(cfg)
runner.load_or_resume()
model = runner.model.eval()
inputs = torch.load('inputs.pth')
with torch.no_grad():
    torch.save(model.extract_feat(inputs)[0], 'features.pth')
try:
    import deeprank_mm
except ImportError:
    print('deeprank_mm is not there')
"""


def test_stock_mmaction2_gets_the_same_features(tmp_path, repo_root):
    with DefaultScope.overwrite_default_scope('mmaction'):
        ranker = MODELS.build(toy.ranker(('joint', 'bone')))
    encoder = ranker.encoders['bone']
    for module in encoder.modules():
        if hasattr(module, 'running_var'):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2.0)
    torch.save(dict(state_dict=ranker.state_dict()), tmp_path / 'ranker.pth')
    inputs = torch.randn(2, 1, 1, 8, 5, 3)
    torch.save(inputs, tmp_path / 'inputs.pth')
    (tmp_path / 'stock.py').write_text(f"""
default_scope = 'mmaction'
model = dict(
    type='RecognizerGCN',
    backbone={toy.ENCODER!r},
    cls_head=dict(type='GCNHead', num_classes=2, in_channels={toy.WIDTH}))
load_from = 'exported.pth'
work_dir = 'work'
""")

    def python(*command):
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={
                **os.environ,
                'OMP_NUM_THREADS': '1',
                'PYTHONPATH': str(repo_root),
            },
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout + done.stderr

    tool = repo_root / 'tools' / 'model_converters' / 'export_encoder.py'
    python(tool, 'ranker.pth', 'exported.pth', '--modality', 'bone')
    said = python('-c', STOCK)
    assert 'deeprank_mm is not there' in said
    assert 'unexpected key' not in said
    with torch.no_grad():
        expected = encoder.eval()(inputs.flatten(0, 1))
    features = torch.load(tmp_path / 'features.pth')
    # not bit by bit: the processes may use other numbers of threads
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-6)
    # what is missing is the classifier, and nothing else
    missing = [line for line in said.splitlines() if 'missing keys' in line]
    assert len(missing) == 1 and 'backbone.' not in missing[0]
