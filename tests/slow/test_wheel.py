"""The wheel, installed where there is no checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def run(*command, cwd, **env):
    # nothing of this process may lead back to the checkout
    kept = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    done = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**kept, **env},
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Built from a copy, so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    files = subprocess.run(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    run(
        sys.executable,
        *'-m pip wheel --no-deps --no-build-isolation --no-index'.split(),
        *('--wheel-dir', folder, source),
        cwd=folder,
    )
    (built,) = folder.glob('*.whl')
    return built


@pytest.fixture(scope='module')
def python(wheel, tmp_path_factory):
    """An interpreter with the wheel, and with what is installed here.

    Without a network the dependencies cannot be installed anew: they are
    read from where they are. The checkout, which is installed there as
    editable, is kept out by its ``.pth`` file not being run.
    """
    folder = tmp_path_factory.mktemp('environment')
    venv.create(folder, with_pip=False)
    (site,) = folder.glob('lib/python*/site-packages')
    run(
        sys.executable,
        *'-m pip install --no-deps --no-index --quiet --target'.split(),
        *(site, wheel),
        cwd=folder,
    )
    # a path in a .pth file is added, the .pth files in that path are not run
    (site / 'dependencies.pth').write_text(sysconfig.get_paths()['purelib'])
    return folder / 'bin' / 'python'


def test_the_wheel_holds_configs_and_tools(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packed = {n[len('deeprank_mm/.mim/') :] for n in names if '.mim/' in n}
    for folder in ('configs', 'tools'):
        there = {
            p.relative_to(ROOT).as_posix()
            for p in (ROOT / folder).rglob('*')
            if p.suffix in ('.py', '.sh', '.yml', '.txt')
            and 'dev' not in p.relative_to(ROOT).parts
        }
        assert there and there <= packed
    assert 'model-index.yml' in packed and 'deeprank_mm/py.typed' in names
    assert not [n for n in names if '__pycache__' in n or 'kill_resume' in n]
    tops = {n.split('/')[0] for n in names}
    assert tops == {'deeprank_mm', wheel.name.split('-py3')[0] + '.dist-info'}


def test_the_demo_runs_from_it(python, tmp_path):
    where = run(
        python,
        '-c',
        'import deeprank_mm as d; print(d.__file__)',
        cwd=tmp_path,
    )
    assert Path(where.splitlines()[-1]).is_relative_to(python.parents[1])
    # the demo's own commands, on less of its data
    small = ['train_cfg.max_epochs=1']
    small += [
        f'{part}_dataloader.dataset.indices=64'
        for part in ('train', 'val', 'test', 'test_cfg.support')
    ]
    tool = [python, '-m', 'deeprank_mm']
    data = tmp_path / 'data' / 'skeleton' / 'demo.pkl'
    run(*tool, 'data/demo', 'data/skeleton/demo.pkl', cwd=tmp_path)
    assert data.is_file()
    config = 'configs/deeprank/stgcn_demo_xsub.py'
    run(
        *tool,
        'train',
        config,
        *('--cfg-options', *small),
        *('--work-dir', 'run'),
        cwd=tmp_path,
        OMP_NUM_THREADS='1',
    )
    said = run(
        *tool,
        'test',
        config,
        'run',
        *('--cfg-options', *small),
        cwd=tmp_path,
        OMP_NUM_THREADS='1',
    )
    assert 'knn1_joint' in said
    installed = python.parents[1]
    assert not [*installed.rglob('work_dirs')] + [*installed.rglob('demo.pkl')]


def test_the_tools_are_where_openmim_looks(python, tmp_path):
    """``mim train deeprank_mm`` runs ``.mim/tools/train.py``."""
    (packed,) = python.parents[1].rglob('deeprank_mm/.mim')
    for tool in ('train.py', 'test.py', 'dist_train.sh', 'slurm_train.sh'):
        assert (packed / 'tools' / tool).is_file()
    out = run(python, packed / 'tools' / 'train.py', '--help', cwd=tmp_path)
    assert '--work-dir' in out
