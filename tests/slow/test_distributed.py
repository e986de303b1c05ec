"""Several processes over gloo, started as a user would."""

import json
import os
import subprocess
import sys

import pytest
import torch

from deeprank_mm.structures import FeatureBank, MappedFeatureBank, load_bank
from tests import toy

pytestmark = pytest.mark.slow


def launch(repo_root, config, processes, *options):
    command = [sys.executable, repo_root / 'tools' / 'train.py', config]
    if processes > 1:
        script = repo_root / 'tools' / 'dist_train.sh'
        command = ['bash', script, config, str(processes)]
    done = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            'PYTHON': sys.executable,
            'OMP_NUM_THREADS': '1',
            'PYTHONPATH': str(repo_root),
        },
        cwd=config.parent,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def make_config(folder, hooks=(), **kwargs):
    # with a batch of its own, that of training may be divided
    hook = dict(interval=1, batch_size=4)
    cfg = toy.pretrain_config(folder, 2, hook=hook, **kwargs)
    cfg.custom_hooks += hooks
    cfg.custom_imports = dict(imports=['deeprank_mm', 'tests.faults'])
    path = folder / 'run.py'
    cfg.dump(str(path))
    return path


@pytest.mark.parametrize('processes', [2, 3])
def test_first_labels_do_not_depend_on_the_number_of_processes(
    tmp_path, repo_root, free_port, monkeypatch, processes
):
    # 9 training and 6 held-out samples: neither divides by both 2 and 3
    monkeypatch.setenv('PORT', free_port)
    banks = []
    for count in (1, processes):
        config = make_config(tmp_path / str(count))
        launch(repo_root, config, count)
        folder = config.parent / 'work' / 'banks'
        banks.append(
            [
                FeatureBank.load(str(folder / f'cycle_001_{part}.pth'))
                for part in ('train', 'val')
            ]
        )
    for one, several in zip(*banks):
        assert one.ids == several.ids
        assert one.labels.equal(several.labels)
        torch.testing.assert_close(
            one.features['joint'],
            several.features['joint'],
            rtol=1e-6,
            atol=1e-6,
        )


def test_label_only_encoders_and_bf16_do_not_break_ddp(
    tmp_path, repo_root, free_port, monkeypatch
):
    monkeypatch.setenv('PORT', free_port)
    config = make_config(
        tmp_path / 'run',
        modalities=('joint', 'bone', 'motion'),
        views=('self', 'other', 'all'),
    )
    launch(
        repo_root,
        config,
        2,
        '--amp',
        '--cfg-options',
        'model.train_modalities=[joint]',
    )
    first, saved = (
        torch.load(
            config.parent / 'work' / f'epoch_{i}.pth', weights_only=True
        )
        for i in (1, 2)
    )
    assert saved['rank_label_hook']['cycle'] == 2
    heads = {k.split('.')[1] for k in saved['state_dict'] if 'heads' in k}
    assert heads == {'joint'}
    # the others are as they were, BatchNorm's statistics too
    changed = {
        key.split('.')[1]
        for key, value in saved['state_dict'].items()
        if not torch.equal(value, first['state_dict'][key])
    }
    assert changed == {'joint'}


@pytest.mark.parametrize('processes', [2, 3])
def test_a_run_with_a_global_pool_is_that_of_one_process(
    tmp_path, repo_root, free_port, monkeypatch, processes
):
    """N processes of batch B and one of N B, over two cycles."""
    monkeypatch.setenv('PORT', free_port)
    runs = []
    for count in (1, processes):
        # 18 training samples: three batches of 6
        config = make_config(
            tmp_path / str(count),
            count=40,
            modalities=('joint', 'bone'),
            views=('self', 'all'),
            hooks=[dict(type='EpochSeedHook'), dict(type='FrozenNorm')],
        )
        launch(
            repo_root,
            config,
            count,
            '--cfg-options',
            'model.triplet_pool=global',
            f'train_dataloader.batch_size={6 // count}',
        )
        work = config.parent / 'work'
        (scalars,) = work.glob('*/vis_data/scalars.json')
        logged = [json.loads(line) for line in scalars.open()]
        weights = torch.load(work / 'epoch_2.pth')['state_dict']
        runs.append((logged, weights))
    (logged, weights), (wanted, expected) = runs[1], runs[0]
    steps = [line for line in wanted if 'loss' in line]
    assert len(steps) == 6
    for one, two in zip((line for line in logged if 'loss' in line), steps):
        for key in two:
            if key.startswith(('loss', 'acc')):
                assert one[key] == pytest.approx(two[key], rel=1e-4), key
    for name, value in expected.items():
        torch.testing.assert_close(
            weights[name], value, rtol=1e-4, atol=1e-5, msg=name
        )


@pytest.mark.parametrize('processes', [2, 3])
def test_a_mapped_bank_is_merged_of_all_processes(
    tmp_path, repo_root, free_port, monkeypatch, processes
):
    monkeypatch.setenv('PORT', free_port)
    config = make_config(tmp_path / 'run')
    launch(
        repo_root,
        config,
        processes,
        '--cfg-options',
        'custom_hooks.0.bank.storage=memmap',
    )
    single = make_config(tmp_path / 'single')
    launch(repo_root, single, 1)
    for part in ('train', 'val'):
        name = f'cycle_001_{part}.pth'
        mapped = load_bank(str(config.parent / 'work' / 'banks' / name))
        memory = FeatureBank.load(str(single.parent / 'work' / 'banks' / name))
        assert isinstance(mapped, MappedFeatureBank)
        assert mapped.ids == memory.ids
        torch.testing.assert_close(
            mapped.features['joint'],
            memory.features['joint'],
            rtol=1e-6,
            atol=1e-6,
        )
    left = os.listdir(config.parent / 'work' / 'banks')
    assert not [name for name in left if name.endswith('.partial')]
