"""`tools/benchmark.py` under torchrun."""

import json
import os
import subprocess
import sys

import pytest

from tests import toy

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def setting(tmp_path_factory):
    """A pretrained encoder and a finetuning config on toy data."""
    folder = tmp_path_factory.mktemp('setting')
    toy.build_runner(toy.pretrain_config(folder / 'ours', 1)).train()
    config = folder / 'finetune.py'
    toy.finetune_config(folder / 'finetune').dump(str(config))
    return config, folder / 'ours' / 'work'


def launch(repo_root, setting, processes, port, out, *options):
    config, checkpoint = setting
    command = [sys.executable]
    if processes > 1:
        command += ['-m', 'torch.distributed.run', f'--master-port={port}']
        command += [f'--nproc-per-node={processes}']
    command += [repo_root / 'tools' / 'benchmark.py', '--out', out]
    command += ['--config', config, '--checkpoint', f'ours={checkpoint}']
    command += ['--launcher', 'pytorch' if processes > 1 else 'none']
    return subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        timeout=300,
        env={
            **os.environ,
            'OMP_NUM_THREADS': '1',
            'PYTHONPATH': str(repo_root),
        },
    )


def accuracies(out):
    content = json.loads((out / 'table.json').read_text())
    assert content['finished'] == content['cells']
    return {
        (e['row'], e['protocol']): e['accuracy'] for e in content['entries']
    }


def test_frozen_cells_are_those_of_one_process(
    tmp_path, repo_root, free_port, setting
):
    tables = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        options = ['--protocols', 'knn,linear,linear@0.5']
        done = launch(repo_root, setting, processes, free_port, out, *options)
        assert done.returncode == 0, done.stderr[-3000:]
        tables.append(accuracies(out))
    assert tables[0] == tables[1]
    assert len(tables[0]) == 2 * 4


def test_training_cells_run_and_are_kept(
    tmp_path, repo_root, free_port, setting
):
    options = ['--protocols', 'semi@0.5', '--untrained', 'scratch']
    for _ in range(2):
        done = launch(
            repo_root, setting, 2, free_port, tmp_path / 'out', *options
        )
        assert done.returncode == 0, done.stderr[-3000:]
    assert len(accuracies(tmp_path / 'out')) == 2
    outputs = list((tmp_path / 'out').rglob('output*.txt'))
    # the second call trained nothing
    assert len(outputs) == 2 * 2
    assert all(o.read_text().count('Epoch(train)') <= 40 for o in outputs)


def test_a_failure_ends_all_processes_with_its_message(
    tmp_path, repo_root, free_port, setting
):
    config, _ = setting
    done = launch(
        repo_root,
        (config, tmp_path / 'nowhere.pth'),
        2,
        free_port,
        tmp_path / 'out',
        '--protocols',
        'semi@0.5',
    )
    assert done.returncode != 0
    assert 'nowhere.pth' in done.stderr + done.stdout
