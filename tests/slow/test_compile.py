"""Compiled runs are eager ones, but for rounding."""

import shutil

import pytest
import torch

from tests import toy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which('g++'), reason='needs a compiler'),
]


def train(cfg, compiled, resume=None):
    if compiled:
        cfg.custom_hooks = [dict(type='CompileHook'), *cfg.custom_hooks]
    if resume:
        cfg.resume, cfg.load_from = True, str(resume)
    runner = toy.build_runner(cfg)
    runner.train()
    return runner


def assert_alike(eager, compiled):
    assert list(eager) == list(compiled)  # no _orig_mod
    for key, value in eager.items():
        torch.testing.assert_close(
            value, compiled[key], rtol=1e-3, atol=1e-4, msg=key
        )


def weights(path):
    return torch.load(path, weights_only=False)['state_dict']


def test_pretraining_finetuning_and_resuming(tmp_path, monkeypatch):
    # not what a killed run left half written in the cache of all
    monkeypatch.setenv('TORCHINDUCTOR_CACHE_DIR', str(tmp_path / 'inductor'))
    saved, tuned = [], []
    for compiled in (False, True):
        folder = tmp_path / f'compiled_{compiled}'
        work = folder / 'work'
        train(toy.pretrain_config(folder, epochs=2), compiled)
        saved.append(weights(work / 'epoch_2.pth'))
        # an eager run goes on as a compiled one, and the other way round
        train(
            toy.pretrain_config(folder, epochs=3),
            not compiled,
            work / 'epoch_2.pth',
        )
        cfg = toy.finetune_config(
            folder / 'finetuned', str(work / 'epoch_2.pth'), 1
        )
        tuned.append(train(cfg, compiled).model.state_dict())
    assert_alike(*saved)
    assert_alike(*tuned)
