"""MMAction2 as it is published, in both versions that are supported.

The other version is installed into a folder of its own that comes first on
the import path, so that the environment stays as it is. This needs a package
index, and takes the archives from pip's cache when it has been run before.
"""

import os
import subprocess
import sys

import pytest

from tests import toy

pytestmark = pytest.mark.slow

VERSIONS = [('1.2.0', '2.1.0'), ('1.1.0', '2.0.1')]

TRAIN = """
import runpy, sys
import mmaction, mmcv
import deeprank_mm, mmaction.models
folder, mmaction2, lite, tool, *argv = sys.argv[1:]
assert mmaction.__version__ == mmaction2, mmaction.__version__
assert mmcv.__version__ == lite, mmcv.__version__
assert mmaction.__file__.startswith(folder), mmaction.__file__
runpy.run_path(tool)['main'](argv)
"""


@pytest.fixture(scope='module', params=VERSIONS, ids=lambda v: v[0])
def upstream(request, tmp_path_factory):
    """The two versions and the folder that holds their packages."""
    mmaction2, lite = request.param
    folder = tmp_path_factory.mktemp('upstream')
    subprocess.run(
        [
            sys.executable,
            '-m',
            'pip',
            'install',
            '--quiet',
            '--no-deps',
            '--target',
            folder,
            f'mmaction2=={mmaction2}',
            f'mmcv-lite=={lite}',
        ],
        check=True,
    )
    return mmaction2, lite, str(folder)


def test_published_mmaction2_trains_tests_and_resumes(
    upstream, repo_root, tiny_project
):
    mmaction2, lite, folder = upstream
    before = os.environ.get('PYTHONPATH')
    path = os.pathsep.join([folder, before] if before else [folder])

    def run(tool, config, *argv):
        done = subprocess.run(
            [
                sys.executable,
                '-c',
                TRAIN,
                folder,
                mmaction2,
                lite,
                repo_root / 'tools' / tool,
                config,
                *argv,
            ],
            capture_output=True,
            text=True,
            cwd=tiny_project,
            env={**os.environ, 'PYTHONPATH': path},
        )
        assert done.returncode == 0, done.stderr

    there = ('--work-dir', 'run')
    once = ('--cfg-options', 'train_cfg.max_epochs=1')
    run('train.py', 'tiny.py', *there, *once)
    run('train.py', 'tiny.py', *there, '--resume')
    run('test.py', 'tiny.py', 'run/epoch_2.pth', *there)

    cfg = toy.pretrain_config(tiny_project / 'rank', epochs=1)
    cfg.dump(str(tiny_project / 'rank.py'))
    run('train.py', 'rank.py')
    assert (tiny_project / 'rank' / 'work' / 'epoch_1.pth').is_file()
