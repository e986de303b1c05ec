"""3s-DeepRank in one run is three runs of DeepRank."""

import pytest
import torch
from mmengine.hooks import Hook

from tests import toy

pytestmark = pytest.mark.slow
ALL = ('joint', 'bone', 'motion')


class Snapshots(Hook):
    """The weights at the start of each epoch, BatchNorm's statistics too."""

    # after the refresh, which calibrates
    priority = 'LOWEST'

    def __init__(self):
        self.states, self.banks = [], []

    def before_train_epoch(self, runner):
        state = runner.model.state_dict()
        self.states.append({k: v.clone() for k, v in state.items()})
        self.banks.append(runner.model.train_bank)


def run(folder, modalities, **model):
    """Three epochs, each with labels of its own."""
    cfg = toy.pretrain_config(
        folder, 3, hook=dict(interval=1), modalities=modalities
    )
    cfg.model.update(model)
    cfg.optim_wrapper.optimizer.weight_decay = 1e-4
    cfg.default_hooks.checkpoint.update(interval=100, save_last=False)
    # augmentation by sample and epoch
    cfg.custom_hooks.append(dict(type='EpochSeedHook'))
    runner = toy.build_runner(cfg)
    seen = Snapshots()
    runner.register_hook(seen)
    runner.train()
    seen.before_train_epoch(runner)  # the end
    return seen


@pytest.fixture(scope='module')
def three_streams(tmp_path_factory):
    return run(tmp_path_factory.mktemp('3s'), ALL)


def stream(state, name):
    return {
        key: value
        for key, value in state.items()
        if key.split('.')[1:2] == [name]
    }


@pytest.mark.parametrize('name', ALL)
def test_each_stream_is_its_own_deeprank_bit_for_bit(
    tmp_path, three_streams, name
):
    alone = run(tmp_path, [name])
    for one, two in zip(alone.banks, alone.banks[1:3]):
        # labels were refreshed
        assert not torch.equal(one.features[name], two.features[name])
    for one, two in zip(three_streams.banks, alone.banks):
        assert one.ids == two.ids
        assert torch.equal(one.features[name], two.features[name])
    for epoch, (one, two) in enumerate(
        zip(three_streams.states, alone.states)
    ):
        part = stream(one, name)
        assert part.keys() == two.keys()
        for key, value in part.items():
            assert torch.equal(value, two[key]), (epoch, key)


def test_an_encoder_that_only_supplies_labels_stays_as_it_is(
    tmp_path, three_streams
):
    seen = run(
        tmp_path,
        ALL,
        views=['self', 'other', 'all'],
        train_modalities=['joint'],
    )
    assert len(seen.states) == 4
    for name in ('bone', 'motion'):
        first = stream(seen.states[0], name)
        # as a stream that learns begins, with calibrated BatchNorm
        for key, value in stream(three_streams.states[0], name).items():
            if key.startswith('encoders.'):
                assert torch.equal(first[key], value), key
        for state in seen.states[1:]:
            for key, value in stream(state, name).items():
                assert torch.equal(first[key], value), key
        for bank in seen.banks:
            assert torch.equal(
                bank.features[name], seen.banks[0].features[name]
            )
    start, end = (stream(seen.states[i], 'joint') for i in (0, -1))
    assert not any(
        torch.equal(start[key], end[key])
        for key in start
        if key.endswith(('conv.weight', 'running_mean'))
    )
