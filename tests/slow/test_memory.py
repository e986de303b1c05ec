"""Memory stays flat over many cycles."""

import gc
import json
import subprocess
import sys

import pytest
from mmengine.hooks import Hook

from tests import toy

pytestmark = pytest.mark.slow

CYCLES, SETTLED = 60, 20
# not a hundredth of what the process holds; a checkpoint, a bank or a log
# entry that stays each cycle would be more
MARGIN_MB = 16


def resident_mb():
    gc.collect()
    with open('/proc/self/status') as file:
        lines = [line for line in file if line.startswith('VmRSS')]
    return int(lines[0].split()[1]) / 1024


class Watch(Hook):
    """Memory in use at the end of each epoch, which is a cycle here."""

    priority = 'LOWEST'

    def __init__(self):
        self.seen = []

    def after_train_epoch(self, runner):
        self.seen.append(resident_mb())


def main(folder):
    cfg = toy.pretrain_config(
        folder, CYCLES, dict(interval=1, max_cycles=None), count=80
    )
    cfg.default_hooks.checkpoint.type = 'AtomicCheckpointHook'
    cfg.default_hooks.checkpoint.max_keep_ckpts = 2
    cfg.default_hooks.logger.interval = 100
    runner, watch = toy.build_runner(cfg), Watch()
    runner.register_hook(watch)
    runner.train()
    return watch.seen


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_memory_is_flat_over_cycles(tmp_path, repo_root):
    # a process of its own: other tests leave memory to be used again
    code = (
        'import json, pathlib, sys, torch, deeprank_mm; '
        'torch.set_num_threads(1); '
        'from tests.slow import test_memory as t; '
        'print(json.dumps(t.main(pathlib.Path(sys.argv[1]))))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=repo_root,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert len(seen) == CYCLES
    assert seen[-1] - seen[SETTLED] < MARGIN_MB, [round(v) for v in seen]
