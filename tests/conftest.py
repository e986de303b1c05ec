"""What every test may use."""

import logging
import os
import random
from contextlib import contextmanager
from pathlib import Path

import mmengine.config.config
import numpy as np
import pytest
import torch

# First of all: tests may import mmaction.models before they import this
# package, and that needs its compat to have run.
import deeprank_mm  # noqa: F401
from deeprank_mm.datasets.conversion import convert, write_annotations
from tests.privileges import bound_by_permissions
from tests.tool_module import load_tool

ROOT = Path(__file__).resolve().parents[1]

# mmengine formats the config's text for every checkpoint it saves, which takes
# several times longer than all the rest of a toy run.
mmengine.config.config.FormatCode = lambda text, **_: (text, True)

# More than two threads make tiny models slower, and so does more than one
# beside other pytest workers; what a test starts as a process does likewise.
if int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', 1)) > 1:
    os.environ.setdefault('OMP_NUM_THREADS', '1')
torch.set_num_threads(
    min(2, os.cpu_count() or 1, int(os.environ.get('OMP_NUM_THREADS', 2)))
)


# mmengine's current logger may be one that an earlier test made, with that
# test's captured stream, which is closed by now: nothing to report on stderr.
logging.raiseExceptions = False


@pytest.fixture(autouse=True)
def fixed_seed():
    """Start every test from the same random state."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope='session')
def repo_root() -> Path:
    """The checkout's root, for tests of tools and configs."""
    return ROOT


@pytest.fixture(scope='session')
def data_root() -> Path:
    """Folder of the real recordings; the test is skipped without them.

    ``DEEPRANK_DATA``, or ``../shared/data`` beside the checkout.
    """
    default = ROOT.parent / 'shared' / 'data'
    path = Path(os.environ.get('DEEPRANK_DATA') or default)
    if not path.is_dir():
        pytest.skip(f'no data at {path}: set DEEPRANK_DATA to its folder')
    return path


def _recordings(data_root, part):
    folder = data_root / part
    if not folder.is_dir():
        pytest.skip(f'no {folder}')
    return folder


@pytest.fixture(scope='session')
def nw_ucla_folder(data_root) -> Path:
    """The json files of NW-UCLA; the test is skipped without them."""
    return _recordings(data_root, 'nw_ucla/all_sqe')


@pytest.fixture(scope='session')
def utd_mhad_folder(data_root) -> Path:
    """The .mat files of UTD-MHAD; the test is skipped without them."""
    return _recordings(data_root, 'utd_mhad/Skeleton')


def _converted(tool, conversion, folder, tmp_path_factory):
    module = load_tool(ROOT / 'tools' / 'data' / f'{tool}.py')
    path = tmp_path_factory.mktemp('data') / f'{tool}.pkl'
    write_annotations(path, *convert(getattr(module, conversion), folder))
    return str(path)


@pytest.fixture(scope='session')
def nw_ucla_file(nw_ucla_folder, tmp_path_factory) -> str:
    """NW-UCLA as an annotation file."""
    return _converted('nw_ucla', 'NW_UCLA', nw_ucla_folder, tmp_path_factory)


@pytest.fixture(scope='session')
def utd_mhad_file(utd_mhad_folder, tmp_path_factory) -> str:
    """UTD-MHAD as an annotation file."""
    return _converted(
        'utd_mhad', 'UTD_MHAD', utd_mhad_folder, tmp_path_factory
    )


@pytest.fixture
def free_port() -> str:
    """A TCP port that nobody listens on, for process groups."""
    import socket

    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return str(sock.getsockname()[1])


@pytest.fixture
def read_only():
    """``with read_only(folder):`` nothing can be written there, by nobody.

    Skips where this cannot be had, such as on a file system that knows no
    permissions.
    """

    @contextmanager
    def read_only(folder):
        mode = folder.stat().st_mode
        folder.chmod(0o500)
        try:
            with bound_by_permissions():
                if os.access(folder, os.W_OK, effective_ids=True):
                    pytest.skip('this file system lets everybody write')
                yield
        finally:
            folder.chmod(mode)

    return read_only


@pytest.fixture
def tiny_project(tmp_path) -> Path:
    """A folder whose name has a space, with ``tiny.py``: stock MMAction2.

    The config trains a two-block ST-GCN on eight random clips, so that
    tools and upstream pieces can be tested without this package's models.
    """
    import pickle

    folder = tmp_path / 'a project'
    folder.mkdir()
    rng = np.random.default_rng(0)
    clips = [
        dict(
            frame_dir=f'clip{i}',
            label=i % 2,
            total_frames=8,
            keypoint=rng.normal(size=(1, 8, 25, 3)).astype(np.float32),
        )
        for i in range(8)
    ]
    names = [clip['frame_dir'] for clip in clips]
    with (folder / 'clips.pkl').open('wb') as file:
        pickle.dump(
            dict(split=dict(train=names, val=names), annotations=clips), file
        )
    (folder / 'tiny.py').write_text(TINY_CONFIG)
    return folder


TINY_CONFIG = """
custom_imports = dict(imports=['deeprank_mm'])
default_scope = 'mmaction'
ann_file = '{{ fileDirname }}/clips.pkl'
model = dict(
    type='RecognizerGCN',
    backbone=dict(
        type='STGCN',
        graph_cfg=dict(layout='nturgb+d', mode='stgcn_spatial'),
        base_channels=4, num_stages=2, inflate_stages=[2],
        down_stages=[2]),
    cls_head=dict(type='GCNHead', num_classes=2, in_channels=8))
pipeline = [
    dict(type='UniformSampleFrames', clip_len=8),
    dict(type='PoseDecode'),
    dict(type='FormatGCNInput', num_person=1),
    dict(type='PackActionInputs')]
loader = dict(
    batch_size=4, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='PoseDataset', ann_file=ann_file, pipeline=pipeline,
        split='train'))
train_dataloader = loader
val_dataloader = test_dataloader = dict(
    batch_size=4, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PoseDataset', ann_file=ann_file, pipeline=pipeline,
        split='val', test_mode=True))
val_evaluator = test_evaluator = [dict(type='AccMetric')]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
param_scheduler = [dict(type='MultiStepLR', milestones=[1])]
default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', interval=1, save_best='auto'),
    logger=dict(type='LoggerHook', interval=1))
auto_scale_lr = dict(enable=False, base_batch_size=4)
"""
