import pytest
import torch
from mmengine.device import get_device

from deeprank_mm.engine import CompileHook
from deeprank_mm.engine.hooks.compile_hook import compiler_problem
from tests import toy


def train(cfg, **options):
    cfg.custom_hooks = [
        dict(type='CompileHook', **options),
        *cfg.custom_hooks,
    ]
    runner = toy.build_runner(cfg)
    runner.train()
    return runner


def test_encoders_are_compiled_in_place(tmp_path):
    cfg = toy.pretrain_config(tmp_path, modalities=('joint', 'bone'))
    runner = toy.build_runner(cfg)
    encoders = runner.model.encoders.eval()
    inputs = torch.randn(2, 1, 8, 5, 3).to(get_device())
    with torch.no_grad():
        before = {k: module(inputs) for k, module in encoders.items()}
    names, random = list(runner.model.state_dict()), torch.get_rng_state()
    CompileHook(backend='eager').before_run(runner)
    # training draws what it would have drawn
    assert torch.equal(random, torch.get_rng_state())
    assert list(runner.model.state_dict()) == names
    with torch.no_grad():
        for name, module in encoders.items():
            assert module._compiled_call_impl is not None
            torch.testing.assert_close(module(inputs), before[name])


@pytest.mark.skipif(torch.cuda.is_available(), reason='CXX compiles for a CPU')
def test_without_a_compiler_nothing_begins(tmp_path, monkeypatch):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    assert 'no-such-compiler' in compiler_problem('cpu')
    cfg = toy.pretrain_config(tmp_path, epochs=1)
    with pytest.raises(RuntimeError, match='no-such-compiler') as caught:
        train(cfg, mode='default')
    assert '\n' not in str(caught.value)
    assert not list((tmp_path / 'work').glob('*.pth'))


def test_a_compiler_that_fails_is_named(tmp_path, monkeypatch):
    def broken(graph, inputs):
        raise OSError('no space\nleft')

    cfg = toy.pretrain_config(tmp_path, epochs=1)
    with pytest.raises(RuntimeError, match='it failed .*no space') as caught:
        train(cfg, backend=broken)
    assert '\n' not in str(caught.value)


def test_options_are_checked_at_once():
    with pytest.raises(TypeError, match='speed'):
        CompileHook(speed='fast')
