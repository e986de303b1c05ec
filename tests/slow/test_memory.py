"""Memory stays flat over many cycles.

``python -m tests.slow.test_memory CYCLES`` says how flat.
"""

import gc
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

import deeprank_mm  # noqa: F401  (registers the components)
from tests import toy

pytestmark = pytest.mark.slow

CYCLES, STEP = 60, 20
# not a hundredth of what the process holds; a checkpoint, a bank or a log
# entry that stays each cycle would be more
MARGIN_MB = 16


def resident_mb():
    gc.collect()
    with open('/proc/self/status') as file:
        lines = [line for line in file if line.startswith('VmRSS')]
    return int(lines[0].split()[1]) / 1024


class Watch(Hook):
    """Says what memory is in use, once in a while.

    An epoch is a cycle here.
    """

    priority = 'LOWEST'

    def after_train_epoch(self, runner):
        cycle = runner.epoch + 1
        if cycle % STEP == 0:
            print(f'{cycle} cycles: {resident_mb():.1f} MB', flush=True)


def main(cycles, folder):
    torch.set_num_threads(1)
    cfg = toy.pretrain_config(
        folder, cycles, dict(interval=1, max_cycles=None), count=80
    )
    cfg.default_hooks.checkpoint.type = 'AtomicCheckpointHook'
    cfg.default_hooks.checkpoint.max_keep_ckpts = 2
    cfg.default_hooks.logger.interval = 100
    cfg.log_level = 'WARNING'
    runner = toy.build_runner(cfg)
    runner.register_hook(Watch())
    runner.train()


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_memory_is_flat_over_cycles(repo_root):
    # a process of its own: other tests leave memory to be used again
    done = subprocess.run(
        [sys.executable, '-m', 'tests.slow.test_memory', str(CYCLES)],
        capture_output=True,
        text=True,
        cwd=repo_root,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = [line for line in done.stdout.splitlines() if ' cycles: ' in line]
    seen = [float(line.split()[2]) for line in said]
    assert len(seen) == CYCLES // STEP
    assert seen[-1] - seen[0] < MARGIN_MB, said


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as folder:
        main(int(sys.argv[1]), Path(folder))
