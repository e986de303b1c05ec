"""NaN in one process ends all of them, by the name of the sample."""

import os
import subprocess
import sys

import pytest

from tests import toy

pytestmark = pytest.mark.slow


def test_one_process_stops_all(tmp_path, repo_root, free_port):
    cfg = toy.finetune_config(tmp_path, epochs=1)
    cfg.custom_hooks.append(dict(type='FiniteHook'))
    cfg.custom_imports = dict(imports=['deeprank_mm'])
    toy.overflow(cfg.train_dataloader.dataset.ann_file, 'clip014')
    cfg.dump(str(tmp_path / 'run.py'))
    done = subprocess.run(
        ['bash', repo_root / 'tools/dist_train.sh', tmp_path / 'run.py', '2'],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            'PORT': free_port,
            'PYTHON': sys.executable,
            'OMP_NUM_THREADS': '1',
        },
        timeout=240,
    )
    assert done.returncode != 0
    assert 'training loss is not finite' in done.stderr, done.stderr[-3000:]
    assert "1 of 4 samples are NaN or infinite, 'clip014'" in done.stderr
