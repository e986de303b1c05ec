"""A failure of one process ends all of them, and says what happened."""

import os
import re
import signal
import subprocess
import sys

import pytest

from tests import faults, toy

pytestmark = pytest.mark.slow

# Far above what a run takes on a busy machine, far below the half hour that
# gloo waits for a process that does not come.
LIMIT = 900

# Readings of either part's samples to see whether the pipeline is random.
CHECKED = 2 * 3 * 2


def config(folder, **kwargs):
    cfg = toy.pretrain_config(folder, **kwargs)
    cfg.custom_imports = dict(imports=['deeprank_mm', 'tests.faults'])
    return cfg


def launch(repo_root, cfg, port, processes=2):
    """Run to the end or to the time limit; exit code and what was said."""
    path = os.path.join(os.path.dirname(cfg.work_dir), 'run.py')
    cfg.dump(path)
    process = subprocess.Popen(
        [
            'bash',
            repo_root / 'tools' / 'dist_train.sh',
            path,
            str(processes),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **os.environ,
            'PYTHON': sys.executable,
            'PYTHONPATH': str(repo_root),
            'OMP_NUM_THREADS': '1',
            'PORT': port,
        },
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        pytest.fail(f'waits for ever:\n{said[-3000:]}')
    return process.returncode, said


def ends(repo_root, cfg, port, message):
    code, said = launch(repo_root, cfg, port)
    assert code != 0
    assert re.search(message, said), said[-5000:]
    return said


def planted(rank):
    return f'RuntimeError: {faults.MESSAGE} on rank {rank}'


@pytest.mark.parametrize('workers', [0, 1])
def test_reading_a_training_sample(tmp_path, repo_root, free_port, workers):
    cfg = config(tmp_path, workers=workers)
    pipeline = cfg.train_dataloader.dataset.pipeline
    pipeline.insert(0, dict(type='FaultyTransform', after=2, rank=1))
    ends(repo_root, cfg, free_port, planted(1))


def test_extracting_features(tmp_path, repo_root, free_port):
    cfg = config(tmp_path, hook=dict(interval=1, calibrate=False))
    fault = dict(type='FaultyTransform', after=CHECKED + 1, rank=1)
    cfg.val_dataloader.dataset.pipeline.insert(0, fault)
    said = ends(repo_root, cfg, free_port, planted(1))
    assert 'extract_features' in said


def test_features_that_are_not_finite(tmp_path, repo_root, free_port):
    cfg = config(tmp_path, hook=dict(interval=1, calibrate=False))
    fault = dict(type='FaultyTransform', kind='nan', after=CHECKED + 1, rank=1)
    cfg.val_dataloader.dataset.pipeline.insert(1, fault)
    ends(repo_root, cfg, free_port, r'ValueError: .*such as clip\d\d\d')


def test_a_batch_in_a_global_pool(tmp_path, repo_root, free_port):
    """The other process would see NaN, too, and could not say of whom."""
    cfg = config(tmp_path)
    cfg.model.triplet_pool = 'global'
    pipeline = cfg.train_dataloader.dataset.pipeline
    fault = dict(type='FaultyTransform', kind='nan', after=2, rank=1)
    pipeline.insert(1, fault)
    said = ends(repo_root, cfg, free_port, r"ValueError: .*'clip\d\d\d'")
    assert 'so it is the head that overflows' not in said


def test_computing_a_metric(tmp_path, repo_root, free_port):
    """Done by the first process, while the others wait for the result."""
    cfg = config(tmp_path)
    cfg.val_evaluator.append(dict(type='FaultyMetric'))
    ends(repo_root, cfg, free_port, planted(0))


def test_judging_the_plateau(tmp_path, repo_root, free_port):
    cfg = config(tmp_path)
    fault = dict(type='FaultyHook', point='after_val_epoch', rank=1)
    cfg.custom_hooks.append(fault)
    ends(repo_root, cfg, free_port, planted(1))


def test_writing_the_bank(tmp_path, repo_root, free_port):
    """Done by the first process, while the others wait at a barrier."""
    cfg = config(tmp_path)
    (tmp_path / 'work').mkdir()
    (tmp_path / 'work' / 'banks').write_text('in the way of the folder')
    ends(repo_root, cfg, free_port, 'FileExistsError: .*banks')


def test_a_process_that_is_killed(tmp_path, repo_root, free_port):
    cfg = config(tmp_path)
    cfg.custom_hooks.append(
        dict(type='FaultyHook', point='after_train_iter', kind='kill', rank=1)
    )
    ends(repo_root, cfg, free_port, 'SIGKILL')


def test_a_process_that_hangs(tmp_path, repo_root, free_port):
    """Where no error tells, the time limit of the process group does."""
    cfg = config(tmp_path)
    cfg.env_cfg = dict(dist_cfg=dict(backend='gloo', timeout=10))
    cfg.custom_hooks.append(
        dict(type='FaultyHook', point='after_train_iter', kind='hang', rank=1)
    )
    ends(repo_root, cfg, free_port, '(?i)time')


def test_processes_with_unequal_numbers_of_batches(
    tmp_path, repo_root, free_port
):
    """Nine samples: a third batch of one, which only the first one gets."""
    cfg = config(tmp_path)
    cfg.train_dataloader.sampler.round_up = False
    ends(repo_root, cfg, free_port, 'ValueError: .*batches')
