"""The command line tools, run as a user runs them."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

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
            (['test.py', 'CONFIG', '--encoder', 'absent.pth'], 'absent.pth'),
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


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def echo(tmp_path):
    """An interpreter that prints each of its arguments on a line."""
    return script(tmp_path / 'an echo', '#!/bin/sh\nprintf "%s\\n" "$@"\n')


class TestDistributedScripts:
    """What they hand to torchrun, shown by an echo in python's place."""

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


SRUN = """#!/usr/bin/env bash
# Notes its options, and runs the rest once for each of the nodes, at a time.
while [[ $1 == --* ]]; do
  echo "$1" >> "$SRUN_NOTES"
  [[ $1 == *=* ]] || { echo "$2" >> "$SRUN_NOTES"; shift; }
  shift
done
for ((node = 0; node < SLURM_NNODES; node++)); do
  SLURM_NODEID=$node "$@" > "$SRUN_NOTES.$node" 2>&1 &
  tasks+=($!)
done
for task in "${tasks[@]}"; do wait "$task" || exit; done
"""
SCONTROL = """#!/bin/sh
[ "$*" = "show hostnames node[7-8]" ] && printf "$NODES"
"""


@pytest.fixture
def slurm(tmp_path):
    """The environment of an allocation of two nodes."""
    folder = tmp_path / 'slurm stubs'
    folder.mkdir()
    script(folder / 'srun', SRUN)
    script(folder / 'scontrol', SCONTROL)
    return dict(
        PATH=f'{folder}:{os.environ["PATH"]}',
        SRUN_NOTES=str(folder / 'notes'),
        SLURM_JOB_NODELIST='node[7-8]',
        SLURM_NNODES='2',
        NODES='node7\nnode8\n',
    )


class TestSlurmScripts:
    @pytest.mark.parametrize(
        'name, weights', [('train', []), ('test', ['my weights.pth'])]
    )
    def test_torchrun_on_every_node(
        self, checkout, tmp_path, echo, slurm, name, weights
    ):
        given = ['my config.py', *weights, 4, '--cfg-options', 'a=b c']
        done = bash(
            checkout / f'slurm_{name}.sh',
            *given,
            cwd=tmp_path,
            PYTHON=echo,
            SRUN_ARGS='--partition gpu --exclusive=user',
            SLURM_CPUS_PER_TASK='32',
            **slurm,
        )
        assert done.returncode == 0, done.stderr
        notes = Path(slurm['SRUN_NOTES'])
        asked = notes.read_text().split()
        for option, value in (
            ('--nodes', '2'),
            ('--ntasks', '2'),
            ('--ntasks-per-node', '1'),
            ('--partition', 'gpu'),
        ):
            assert asked[asked.index(option) + 1] == value
        assert {'--kill-on-bad-exit=1', '--exclusive=user'} <= set(asked)
        for node in range(2):
            said = Path(f'{notes}.{node}').read_text().splitlines()
            for option, value in (
                ('--nnodes', '2'),
                ('--node_rank', str(node)),
                ('--master_addr', 'node7'),
                ('--nproc_per_node', '4'),
            ):
                assert said[said.index(option) + 1] == value
            tool = said.index(str(checkout / f'{name}.py'))
            assert said[tool + 1 :] == [
                'my config.py',
                *weights,
                '--launcher',
                'pytorch',
                '--cfg-options',
                'a=b c',
            ]

    @pytest.mark.parametrize('name', ['train', 'test'])
    def test_usage(self, checkout, tmp_path, slurm, name):
        tool = checkout / f'slurm_{name}.sh'
        given = ['c.py', 'w.pth', 8] if name == 'test' else ['c.py', 8]
        spooled = shutil.copy(tool, tmp_path)
        for done in (
            bash(tool, *given),  # no allocation
            bash(tool, *given[1:], **slurm),
            bash(spooled, *given, **slurm),  # as sbatch would run it
        ):
            assert done.returncode == 2
            assert done.stderr.startswith(f'usage: bash tools/slurm_{name}.sh')
            assert not done.stdout

    def test_a_node_list_that_slurm_does_not_know(self, checkout, slurm, echo):
        slurm['SLURM_JOB_NODELIST'] = 'node9'
        done = bash(
            checkout / 'slurm_train.sh', 'c.py', 8, PYTHON=echo, **slurm
        )
        assert done.returncode != 0
        assert not done.stdout


@pytest.mark.slow
@pytest.mark.skipif(
    torch.cuda.is_available(), reason='this is the way without a GPU'
)
def test_two_nodes_meet(repo_root, tiny_project, tmp_path, free_port, slurm):
    """Two nodes of one process each, all on this machine."""
    run = tmp_path / 'a run'
    slurm['NODES'] = '127.0.0.1\n127.0.0.1\n'
    done = bash(
        repo_root / 'tools' / 'slurm_train.sh',
        tiny_project / 'tiny.py',
        1,
        '--work-dir',
        run,
        cwd=tmp_path,
        PYTHON=sys.executable,
        PORT=free_port,
        **slurm,
    )
    said = Path(f'{slurm["SRUN_NOTES"]}.0').read_text()
    assert done.returncode == 0, said[-3000:]
    # Eight clips, four a process: one iteration an epoch.
    assert torch.load(run / 'epoch_2.pth')['meta']['iter'] == 2


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
