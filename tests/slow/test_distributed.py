"""Several processes over gloo, started as a user would."""

import os
import subprocess
import sys

import pytest
import torch

from deeprank_mm.structures import FeatureBank
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
        env={**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'},
        cwd=config.parent,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def make_config(folder, **kwargs):
    cfg = toy.pretrain_config(folder, 2, hook=dict(interval=1), **kwargs)
    cfg.custom_imports = dict(imports=['deeprank_mm'])
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
    saved = torch.load(
        config.parent / 'work' / 'epoch_2.pth', weights_only=True
    )
    assert saved['rank_label_hook']['cycle'] == 2
    heads = {k.split('.')[1] for k in saved['state_dict'] if 'heads' in k}
    assert heads == {'joint'}
