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
        line[:10].strip(): [float(cell) for cell in line[10:].split()]
        for line in done.stdout.splitlines()
        if line.startswith(('untrained ', 'no encoder ', 'DeepRank '))
    }
    assert set(rows) == {'untrained', 'no encoder', 'DeepRank'}
    for cells in rows.values():
        assert len(cells) == 4
        # far above the chance of 16 actions, and far from perfect
        assert all(15 < cell < 95 for cell in cells)
    # what a newcomer should see: it has learnt
    for learnt, untrained in zip(rows['DeepRank'], rows['untrained']):
        assert learnt > untrained + 10
