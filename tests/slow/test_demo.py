"""The README's first command, set-up aside."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_demo_ends_with_a_readable_result(tmp_path, repo_root):
    done = subprocess.run(
        [
            sys.executable,
            repo_root / 'tools' / 'demo.py',
            '--work-dir',
            tmp_path,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {
        line.split()[0]: [float(cell) for cell in line.split()[1:]]
        for line in done.stdout.splitlines()
        if line.startswith(('random ', 'DeepRank '))
    }
    assert set(rows) == {'random', 'DeepRank'}
    for cells in rows.values():
        assert len(cells) == 4
        # far above the chance of 16 actions, and far from perfect
        assert all(15 < cell < 95 for cell in cells)
