"""A whole run from a config with something wrong: it ends, or says why not."""

import copy

import pytest
import torch
from hypothesis import strategies as st

from tests import toy
from tests.fuzz.harness import clear, fuzz
from tests.fuzz.junk import mangled

# What is built from these is this package's; the other places of a config
# are mmengine's and MMAction2's to check.
OURS = (
    ('model',),
    ('train_dataloader', 'dataset'),
    ('val_dataloader', 'dataset'),
    ('val_evaluator', 0),
    ('custom_hooks', 0),
)
THEIRS = {'type', 'encoder', 'FormatGCNInput', 'PackActionInputs'}


def ours(path):
    """Something inside one of our components."""
    inside = any(
        path[: len(place)] == place and len(path) > len(place)
        for place in OURS
    )
    # the last two transforms of a pipeline are MMAction2's
    upstream = 'pipeline' in path[:-1] and path[path.index('pipeline') + 1] > 2
    return inside and not upstream and not THEIRS & set(path)


def train(cfg):
    runner = toy.build_runner(cfg)
    runner.train()
    return runner


@pytest.fixture
def config(tmp_path):
    """A run of one epoch, as plain dicts and lists."""
    cfg = toy.pretrain_config(
        tmp_path, 1, modalities=('joint', 'bone'), views=('self', 'other')
    )
    return cfg.to_dict()


@fuzz(5, 100, data=st.data())
def test_any_run(data, config):
    cfg = data.draw(mangled(config, where=ours, most=2))
    runner = clear(train, toy.Config(copy.deepcopy(cfg)))
    if runner is not None:
        for key, value in runner.model.state_dict().items():
            assert torch.as_tensor(value).isfinite().all(), key
