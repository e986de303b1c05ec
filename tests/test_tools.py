"""The command line tools, run as a user runs them."""

import os
import runpy
import shutil
import subprocess
import sys

import pytest
import torch
from mmengine.fileio import load


@pytest.fixture
def tool(repo_root, tmp_path, monkeypatch):
    """Call a tool's ``main`` from a folder that is not the checkout."""
    monkeypatch.chdir(tmp_path)

    def call(name, *argv):
        main = runpy.run_path(str(repo_root / 'tools' / name))['main']
        main([str(arg) for arg in argv])

    return call


class TestTrainAndTest:
    def test_train_test_and_resume(
        self, tool, tiny_project, tmp_path, monkeypatch
    ):
        config = tiny_project / 'tiny.py'
        tool(
            'train.py',
            config,
            '--seed',
            4,
            '--amp',
            '--cfg-options',
            'train_cfg.max_epochs=1',
        )
        run = tmp_path / 'work_dirs' / 'a project' / 'tiny'
        first = torch.load(run / 'epoch_1.pth')
        assert first['meta']['seed'] == 4

        tool('train.py', config, '--seed', 4, '--resume', '--no-validate')
        assert torch.load(run / 'epoch_2.pth')['meta']['epoch'] == 2

        tool(
            'test.py',
            config,
            '--dump',
            tmp_path / 'out.pkl',
            run / 'epoch_2.pth',
        )
        assert len(load(tmp_path / 'out.pkl')) == 8

    def test_untrained(self, tool, tiny_project, capsys):
        tool('test.py', tiny_project / 'tiny.py', '--random-init', 'raw')

    @pytest.mark.parametrize(
        'argv, message',
        [
            (['train.py', 'absent.py'], 'absent.py does not exist'),
            (['test.py', 'absent.py', 'x.pth'], 'absent.py does not exist'),
            (
                ['train.py', 'CONFIG', '--pretrained', 'none'],
                'LoadEncoderHook',
            ),
            (
                ['train.py', 'CONFIG', '--modality', 'bone'],
                'GenerateModalities',
            ),
            (['train.py', 'CONFIG', '--resume', 'absent.pth'], 'absent.pth'),
            (['test.py', 'CONFIG'], '--random-init'),
            (['test.py', 'CONFIG', 'absent.pth'], 'absent.pth'),
        ],
    )
    def test_one_clear_error(self, tool, tiny_project, capsys, argv, message):
        config = str(tiny_project / 'tiny.py')
        with pytest.raises(SystemExit) as stop:
            tool(*[config if arg == 'CONFIG' else arg for arg in argv])
        assert stop.value.code == 2
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert 'error: ' in last and message in last


@pytest.fixture
def checkout(repo_root, tmp_path):
    """A copy of ``tools`` below a folder whose name has a space."""
    folder = tmp_path / 'a checkout' / 'tools'
    folder.mkdir(parents=True)
    for script in (repo_root / 'tools').glob('*.sh'):
        shutil.copy(script, folder)
    return folder


def bash(*argv, cwd=None, **env):
    return subprocess.run(
        ['bash', *map(str, argv)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **env},
    )


class TestDistributedScripts:
    """What they hand to torchrun, shown by an echo in python's place."""

    @pytest.fixture
    def echo(self, tmp_path):
        """An interpreter that prints each of its arguments on a line."""
        path = tmp_path / 'an echo'
        path.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        path.chmod(0o755)
        return str(path)

    def test_train(self, checkout, tmp_path, echo):
        done = bash(
            checkout / 'dist_train.sh',
            'my config.py',
            2,
            '--cfg-options',
            'a=b c',
            cwd=tmp_path,
            PYTHON=echo,
            PORT='1234',
        )
        said = done.stdout.splitlines()
        assert done.returncode == 0, done.stderr
        assert said[:2] == ['-m', 'torch.distributed.run']
        assert said[said.index('--master_port') + 1] == '1234'
        assert said[said.index('--nproc_per_node') + 1] == '2'
        assert said[-6:] == [
            str(checkout / 'train.py'),
            'my config.py',
            '--launcher',
            'pytorch',
            '--cfg-options',
            'a=b c',
        ]

    def test_nodes(self, checkout, echo):
        done = bash(
            checkout / 'dist_train.sh',
            'c.py',
            8,
            PYTHON=echo,
            NNODES='2',
            NODE_RANK='1',
            MASTER_ADDR='10.0.0.1',
        )
        said = done.stdout.splitlines()
        for option, value in (
            ('--nnodes', '2'),
            ('--node_rank', '1'),
            ('--master_addr', '10.0.0.1'),
        ):
            assert said[said.index(option) + 1] == value

    def test_test(self, checkout, echo):
        done = bash(
            checkout / 'dist_test.sh',
            'c.py',
            'my weights.pth',
            2,
            '--dump',
            'x.pkl',
            PYTHON=echo,
        )
        assert done.stdout.splitlines()[-7:] == [
            str(checkout / 'test.py'),
            'c.py',
            'my weights.pth',
            '--launcher',
            'pytorch',
            '--dump',
            'x.pkl',
        ]

    def test_test_untrained(self, checkout, echo):
        done = bash(
            checkout / 'dist_test.sh',
            'c.py',
            'none',
            2,
            '--random-init',
            'raw',
            PYTHON=echo,
        )
        assert done.stdout.splitlines()[-6:] == [
            str(checkout / 'test.py'),
            'c.py',
            '--launcher',
            'pytorch',
            '--random-init',
            'raw',
        ]

    @pytest.mark.parametrize(
        'script, given',
        [
            ('dist_train.sh', []),
            ('dist_train.sh', ['c.py']),
            ('dist_test.sh', ['c.py', 'w.pth']),
        ],
    )
    def test_usage(self, checkout, script, given):
        done = bash(checkout / script, *given)
        assert done.returncode == 2
        assert done.stderr.startswith(f'usage: bash tools/{script}')
        assert not done.stdout


@pytest.mark.slow
@pytest.mark.skipif(
    torch.cuda.is_available(), reason='this is the way without a GPU'
)
def test_two_processes_without_a_gpu(
    repo_root, tiny_project, tmp_path, free_port
):
    config = tiny_project / 'tiny.py'
    env = dict(PYTHON=sys.executable, PORT=free_port)
    run = tmp_path / 'a run'
    done = bash(
        repo_root / 'tools' / 'dist_train.sh',
        config,
        2,
        '--amp',
        '--work-dir',
        run,
        cwd=tmp_path,
        **env,
    )
    assert done.returncode == 0, done.stderr
    # Eight clips, four a process: one iteration an epoch.
    assert torch.load(run / 'epoch_2.pth')['meta']['iter'] == 2

    done = bash(
        repo_root / 'tools' / 'dist_test.sh',
        config,
        run / 'epoch_2.pth',
        2,
        '--dump',
        run / 'out.pkl',
        '--work-dir',
        run,
        cwd=tmp_path,
        **env,
    )
    assert done.returncode == 0, done.stderr
    assert len(load(run / 'out.pkl')) == 8
