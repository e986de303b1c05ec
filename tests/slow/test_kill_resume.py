"""Real processes, killed by SIGKILL and resumed."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_killed_and_resumed_runs_end_like_undisturbed_ones(
    repo_root, tmp_path
):
    out = tmp_path / 'out'
    done = subprocess.run(
        [
            sys.executable,
            repo_root / 'tools' / 'dev' / 'kill_resume.py',
            *('--trials', '8', '--workers', '2', '--out', out),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    summary = json.loads((out / 'summary.json').read_text())
    assert len(summary['trials']) == 8
    assert summary['fewest_refreshes'] >= 2
    assert not any(trial['differences'] for trial in summary['trials'])
