"""A checkpoint that would run code does not, whichever way it comes in."""

import os
import pickle
import runpy

import pytest
import torch

from deeprank_mm.structures import FeatureBank

LOADER = """
custom_hooks = [dict(type='LoadEncoderHook', checkpoint='none.pth')]
"""


class Attack:
    """Leaves a trace when it is unpickled by a loader that runs code."""

    def __init__(self, trace):
        self.command = f'touch "{trace}"'

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def trace(tmp_path):
    """The file that tells of code that ran."""
    return tmp_path / 'trace'


@pytest.fixture(params=['new format', 'old format', 'beside the weights'])
def hostile(request, tmp_path, trace):
    """A checkpoint, in a work folder that names it as the latest."""
    folder = tmp_path / 'run'
    folder.mkdir()
    path = folder / 'epoch_1.pth'
    attack = dict(state_dict=Attack(trace), meta=dict(epoch=1, iter=1))
    if request.param == 'beside the weights':
        attack = dict(
            state_dict=dict(weight=torch.zeros(1)), message_hub=Attack(trace)
        )
    torch.save(
        attack,
        path,
        _use_new_zipfile_serialization=request.param != 'old format',
    )
    (folder / 'last_checkpoint').write_text(str(path))
    # It is a real one: a loader without the safety runs it.
    torch.load(path, weights_only=False)
    assert trace.exists()
    trace.unlink()
    return path


@pytest.fixture
def tool(repo_root, tmp_path, monkeypatch, tiny_project):
    """Run a tool on a tiny config that loads an encoder."""
    monkeypatch.chdir(tmp_path)
    config = tiny_project / 'tiny.py'
    with config.open('a') as file:
        file.write(LOADER)

    def call(name, *argv):
        main = runpy.run_path(str(repo_root / 'tools' / name))['main']
        main([str(config), *map(str, argv)])

    return call


@pytest.mark.parametrize('whole_folder', [False, True])
def test_evaluation(tool, hostile, trace, capsys, whole_folder):
    path = hostile.parent if whole_folder else hostile
    with pytest.raises(SystemExit) as stop:
        tool('test.py', path)
    assert stop.value.code == 2
    assert hostile.name in capsys.readouterr().err
    assert not trace.exists()


@pytest.mark.parametrize('option', ['--resume', '--pretrained'])
@pytest.mark.parametrize('whole_folder', [False, True])
def test_training(tool, hostile, trace, option, whole_folder):
    path = hostile.parent if whole_folder else hostile
    more = ['--pretrained', 'none'] if option == '--resume' else []
    with pytest.raises(pickle.UnpicklingError):
        tool('train.py', option, path, *more)
    assert not trace.exists()


def test_resuming_the_latest(tool, hostile, trace):
    with pytest.raises(pickle.UnpicklingError):
        tool(
            'train.py',
            *('--resume', '--pretrained', 'none'),
            *('--work-dir', hostile.parent),
        )
    assert not trace.exists()


def test_a_feature_bank(hostile, trace):
    with pytest.raises(ValueError, match='damaged or no feature bank'):
        FeatureBank.load(str(hostile))
    assert not trace.exists()
