"""The command line that converts official STTFormer weights."""

import os
import runpy
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint

from tests.models.sttformer_reference import Reference
from tests.tool_module import load_tool

ARGUMENTS = dict(
    config=[[4, 4, 2], [4, 6, 3]],
    len_parts=2,
    num_joints=5,
    num_heads=2,
    kernel_size=[5, 3],
)


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors: threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def script(repo_root):
    return repo_root / 'tools' / 'model_converters' / 'sttformer.py'


@pytest.fixture
def run(script, tmp_path, capsys):
    tool = load_tool(script)

    def run(content, target=tmp_path / 'new' / 'out.pth'):
        source = tmp_path / 'in.pt'
        if isinstance(content, bytes):
            source.write_bytes(content)
        else:
            torch.save(content, source)
        status = tool.main([str(source), str(target)])
        said = capsys.readouterr()
        # a failed run leaves nothing behind
        assert not list(tmp_path.rglob('*.part'))
        return status, said.out + said.err, target

    return run


@pytest.fixture
def official():
    return Reference(num_frames=8, num_classes=7, **ARGUMENTS)


def build():
    cfg = dict(
        type='RecognizerGCN',
        backbone=dict(type='STTFormer', num_frames=8, **ARGUMENTS),
        cls_head=dict(type='GCNHead', num_classes=7, in_channels=6),
    )
    with DefaultScope.overwrite_default_scope('mmaction'):
        return MODELS.build(cfg)


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('wrapped', [False, True])
def test_the_checkpoint_gives_the_same_scores(run, official, prefix, wrapped):
    x = torch.randn(3, 3, 8, 5, 2)
    official(x)  # running statistics of their own
    weights = OrderedDict(
        (prefix + key, value) for key, value in official.state_dict().items()
    )
    status, said, target = run(
        dict(state_dict=weights) if wrapped else weights
    )
    assert status == 0, said
    for fact in (
        'num_joints x len_parts  10',
        'num_heads    2',
        'kernel_size  (5, 3)',
        'use_pes      True',
        '(4, 4, 2), (4, 6, 3)',
        'num_classes  7',
    ):
        assert fact in said
    model = build()
    load_checkpoint(model, str(target), strict=True)
    clips = x.permute(0, 4, 2, 3, 1).unsqueeze(1)
    scores = model.eval()(clips, stage='head')
    torch.testing.assert_close(scores, official.eval()(x))
    content = torch.load(target, weights_only=True)
    assert set(content['state_dict']) == set(model.state_dict())


@pytest.mark.parametrize(
    'key',
    [
        'fc.bias',
        'input_map.1.running_var',
        'blocks.0.pes.pe',
        'blocks.1.alphas',
        'blocks.1.pes.pe',
        'blocks.1.ress.0.weight',
        'blocks.1.out_nett.0.weight',
    ],
)
def test_a_missing_weight_is_named(run, official, key):
    weights = official.state_dict()
    del weights[key]
    status, said, target = run(weights)
    assert status == 1 and not target.exists()
    # without the first table the other ones are unknown
    named = key if key != 'blocks.0.pes.pe' else 'blocks.1.pes.pe'
    assert said.startswith('error: ') and named in said


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(extra=torch.zeros(1)), 'unknown extra'),
        (
            {'blocks.0.ress.0.weight': torch.zeros(4, 4, 1, 1)},
            'unknown blocks.0.ress.0.weight',
        ),
        (
            {'blocks.0.ff_net.0.bias': torch.zeros(5)},
            'blocks.0.ff_net.0.bias of the official weights has the shape '
            '(5,) instead of (4,)',
        ),
        ({'blocks.1.alphas': torch.zeros(2)}, 'blocks.1.alphas'),
        ({'blocks.1.pes.pe': torch.zeros(1, 4, 4, 10)}, 'blocks.1.pes.pe'),
        ({'blocks.1.pes.pe': torch.zeros(3)}, 'blocks.1.pes.pe'),
        (
            {'blocks.1.att0s': torch.zeros(1, 2, 8, 8)},
            'Block 1 of the weights',
        ),
        (dict(lr=0.1), 'does not hold tensors by name'),
    ],
)
def test_weights_that_do_not_fit_are_named(run, official, changes, message):
    status, said, target = run(dict(official.state_dict(), **changes))
    assert status == 1 and not target.exists()
    assert message in said


def test_a_network_without_positions(run):
    official = Reference(num_frames=8, use_pes=False, **ARGUMENTS)
    status, said, _ = run(official.state_dict())
    assert status == 0 and 'use_pes      False' in said


@pytest.mark.parametrize(
    'content',
    [b'', b'text', [1, 2], dict(state_dict=3), dict(model=Path('x')), {}],
)
def test_files_that_are_no_weights(run, content):
    status, said, target = run(content)
    assert status == 1 and not target.exists()
    assert said.startswith('error: ') and len(said.splitlines()) == 1


def test_a_missing_file(script, tmp_path, capsys, monkeypatch):
    argv = [str(script), str(tmp_path / 'no.pt'), str(tmp_path / 'out.pth')]
    monkeypatch.setattr(sys, 'argv', argv)
    with pytest.raises(SystemExit) as info:
        runpy.run_path(str(script), run_name='__main__')
    assert info.value.code == 1
    assert 'no.pt' in capsys.readouterr().err


def test_a_failed_write_keeps_the_old_file(run, official, monkeypatch):
    status, _, target = run(official.state_dict())
    assert status == 0
    before = target.read_bytes()

    def full(*args):
        raise OSError('no space left')

    monkeypatch.setattr(os, 'fsync', full)
    status, said, _ = run(official.state_dict())
    assert status == 1 and 'no space left' in said
    assert target.read_bytes() == before


def test_help(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [script.name, '--help'])
    with pytest.raises(SystemExit) as info:
        runpy.run_path(str(script), run_name='__main__')
    assert info.value.code == 0
    assert 'official' in capsys.readouterr().out
