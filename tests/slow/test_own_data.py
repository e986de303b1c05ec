"""docs/own_data.md does what it says, command by command."""

import os
import pickle
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BLOCK = re.compile(
    r'^```(bash|\{code-block\} python)\n(.*?)^```$', re.M | re.S
)


def test_every_command_of_the_tutorial(tmp_path, repo_root):
    for name in ('tools', 'configs'):
        (tmp_path / name).symlink_to(repo_root / name)
    environment = {
        **os.environ,
        'PYTHONPATH': str(repo_root),
        'PATH': f'{Path(sys.executable).parent}{os.pathsep}'
        + os.environ['PATH'],
    }
    text = (repo_root / 'docs' / 'own_data.md').read_text('utf-8')
    said = []
    for kind, body in BLOCK.findall(text):
        if kind != 'bash':
            caption, _, code = body.partition('\n\n')
            (tmp_path / caption.split()[-1]).write_text(code)
            continue
        for command in body.splitlines():
            done = subprocess.run(
                [sys.executable, *shlex.split(command)[1:]],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
            )
            assert command.startswith('python ')
            assert done.returncode == 0, f'{command}\n{done.stderr[-3000:]}'
            said.append(done.stdout)
    assert len(said) == 12
    with open(tmp_path / 'data' / 'skeleton' / 'own.pkl', 'rb') as file:
        split = pickle.load(file)['split']
    assert {k: len(v) for k, v in split.items()} == dict(
        train=256, labelled=64, val=128
    )
    accuracies = [
        float(value)
        for output in said[5:8]  # pretrained, untrained, no encoder
        for value in re.findall(r'knn20_joint: ([\d.]+)', output)
    ]
    assert len(accuracies) == 3 and all(0 <= a <= 1 for a in accuracies)
    for picture in ('neighbours', 'top5'):
        size = (tmp_path / 'work_dirs' / f'{picture}.png').stat().st_size
        assert size > 10000
    assert len(list((tmp_path / 'work_dirs' / 'browse').glob('*.png'))) == 2
