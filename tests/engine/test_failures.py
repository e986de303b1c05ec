"""What fails from outside: disks, processes, memory.

Each leaves the last good checkpoint as it was, and says what happened.
"""

import errno
import gc
import os
import re
import subprocess
import sys
import weakref
from contextlib import ExitStack

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.hooks import Hook

from deeprank_mm.structures import FeatureBank
from tests import faults, toy  # noqa: F401  (registers the faults)

resource = pytest.importorskip('resource')


@pytest.fixture
def limit():
    """Set limits of this process; the kernel then fails it for real."""
    before = {}

    def set_limit(kind, value):
        soft, hard = before.setdefault(kind, resource.getrlimit(kind))
        resource.setrlimit(kind, (value, hard))

    yield set_limit
    for kind, values in before.items():
        resource.setrlimit(kind, values)


class FullDisk(Hook):
    """From the second epoch on no file gets as large as one from before."""

    def __init__(self, limit, path):
        self.limit, self.path = limit, path

    def before_train_epoch(self, runner):
        if runner.epoch == 1:
            # EFBIG in place of ENOSPC: what else fails is the same
            size = self.path.stat().st_size // 2
            self.limit(resource.RLIMIT_FSIZE, size)


def config(folder, **kwargs):
    cfg = toy.pretrain_config(folder, epochs=2, **kwargs)
    cfg.default_hooks.checkpoint.type = 'AtomicCheckpointHook'
    return cfg


def saved(folder):
    return {
        str(path.relative_to(folder))
        for pattern in ('*.pth*', 'last_checkpoint', 'banks/*')
        for path in folder.glob(pattern)
    }


def goes_on(cfg, folder):
    """From the first epoch's checkpoint, which is the latest, to the end."""
    latest = (folder / 'last_checkpoint').read_text()
    assert latest == str(folder / 'epoch_1.pth')
    cfg.resume = True
    runner = toy.build_runner(cfg)
    runner.train()
    assert runner.epoch == 2
    assert torch.load(folder / 'epoch_2.pth')['meta']['epoch'] == 2


class TestFullDisk:
    def test_at_a_checkpoint(self, tmp_path, limit):
        # one cycle, so that no other large file is written
        cfg = config(tmp_path, hook=dict(interval=9))
        work = tmp_path / 'work'
        runner = toy.build_runner(cfg)
        runner.register_hook(FullDisk(limit, work / 'epoch_1.pth'))
        with pytest.raises(OSError, match=r'epoch_2\.pth') as error:
            runner.train()
        assert error.value.errno == errno.EFBIG
        limit(resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
        assert saved(work) == {
            'epoch_1.pth',
            'last_checkpoint',
            'banks/cycle_001_train.pth',
            'banks/cycle_001_val.pth',
        }
        goes_on(cfg, work)

    def test_at_a_bank(self, tmp_path, limit):
        cfg = config(tmp_path)
        work = tmp_path / 'work'
        bank = work / 'banks' / 'cycle_001_train.pth'
        runner = toy.build_runner(cfg)
        # before the labels are refreshed
        runner.register_hook(FullDisk(limit, bank), priority='VERY_HIGH')
        with pytest.raises(OSError, match=r'cycle_002_train\.pth') as error:
            runner.train()
        assert error.value.errno == errno.EFBIG
        limit(resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
        assert not list(work.glob('banks/cycle_002*'))
        goes_on(cfg, work)


def test_a_work_folder_that_becomes_read_only(tmp_path, read_only):
    cfg = config(tmp_path, hook=dict(interval=9))
    work = tmp_path / 'work'

    class Lock(Hook):
        def before_train_epoch(self, runner):
            if runner.epoch == 1:
                stack.enter_context(read_only(work))

    runner = toy.build_runner(cfg)
    runner.register_hook(Lock())
    with ExitStack() as stack:
        with pytest.raises(PermissionError, match=r'epoch_2\.pth'):
            runner.train()
    assert {'epoch_1.pth', 'last_checkpoint'} <= saved(work)
    assert 'epoch_2.pth' not in saved(work)
    goes_on(cfg, work)


TRAIN = """
import sys
import deeprank_mm
from mmengine.config import Config
from tests import faults, toy
toy.build_runner(Config.fromfile(sys.argv[1])).train()
"""


def test_a_worker_that_is_killed(tmp_path, repo_root):
    cfg = config(tmp_path, workers=1)
    pipeline = cfg.train_dataloader.dataset.pipeline
    # nine samples an epoch
    pipeline.insert(0, dict(type='FaultyTransform', kind='kill', after=13))
    path = tmp_path / 'run.py'
    cfg.dump(path)
    # in a process of its own: torch raises from a signal's handler, wherever
    # the process then is, pytest's own code included; and not in a fork of
    # this one, whose OpenMP threads would not come along
    child = subprocess.run(
        [sys.executable, '-c', TRAIN, path],
        cwd=repo_root,
        env={**os.environ, 'PYTHONPATH': str(repo_root)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=600,
    )
    assert child.returncode == 1, child.stderr
    # or, where it was just handing a batch over, of the broken connection
    said = 'DataLoader worker .*(kill|exit)|ConnectionResetError|EOFError'
    assert re.search(said, child.stderr)
    pipeline.pop(0)
    goes_on(cfg, tmp_path / 'work')


@pytest.mark.skipif(
    not os.path.exists('/proc/self/statm'), reason='needs Linux'
)
def test_a_batch_too_large_to_be_ranked(limit):
    ranker = MODELS.build(toy.ranker())
    bank = FeatureBank(list('abc'), dict(joint=torch.randn(3, 4)))
    size = 20_000
    features = dict(joint=torch.randn(size, toy.WIDTH, requires_grad=True))
    ids = list('abc') * (size // 3) + ['a', 'b']
    with open('/proc/self/statm') as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limit(resource.RLIMIT_AS, used + 2**28)
    with pytest.raises(
        RuntimeError,
        match='Out of memory while ranking 20000 samples.* 1.49 GiB .*'
        'batch_size',
    ):
        ranker.rank(features, ids, bank)


def test_other_errors_are_not_taken_for_it():
    ranker = MODELS.build(toy.ranker())
    bank = FeatureBank(list('abc'), dict(joint=torch.randn(3, 4)))
    features = dict(joint=torch.randn(4, toy.WIDTH))
    with pytest.raises(ValueError, match='must have the shape'):
        ranker.rank(features, list('abc'), bank)


def test_banks_of_past_cycles_are_let_go(tmp_path):
    banks = []

    class Remember(Hook):
        def after_train_epoch(self, runner):
            ranker = runner.model
            banks.append(weakref.ref(ranker.train_bank))
            banks.append(weakref.ref(ranker.val_bank))

    runner = toy.build_runner(toy.pretrain_config(tmp_path, epochs=3))
    runner.register_hook(Remember())
    runner.train()
    gc.collect()
    assert [bank() is not None for bank in banks] == [False] * 4 + [True] * 2
