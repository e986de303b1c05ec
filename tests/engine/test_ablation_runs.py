"""The alternatives of the ablations train, refresh and validate."""

import pytest
import torch

from tests import toy

HEADS = {
    'MLPRankingHead': dict(hidden_channels=6),
    'ViTRankingHead': dict(embed_channels=8, hidden_channels=6),
}


@pytest.mark.parametrize('name', HEADS)
def test_heads_that_sample_triplets(tmp_path, name):
    cfg = toy.pretrain_config(
        tmp_path,
        epochs=2,
        hook=dict(interval=1, reset_head=True),
        modalities=('joint', 'bone'),
        views=('self', 'other'),
    )
    # fewer than the 24 of a batch of four: some are drawn
    cfg.model.head = dict(
        type=name, in_channels=toy.WIDTH, num_triplets=10, **HEADS[name]
    )
    runner = toy.build_runner(cfg)
    runner.train()
    results = runner.val_loop.run()
    assert set(results) >= {'ranking/loss', 'ranking/acc_bone_other'}
    assert results == runner.val_loop.run()  # the same draw
    for value in runner.model.state_dict().values():
        assert value.isfinite().all()


def test_a_head_without_weights(tmp_path):
    cfg = toy.pretrain_config(
        tmp_path, epochs=2, hook=dict(interval=1, reset_head=True)
    )
    cfg.model.head = dict(type='CosineRankingHead', in_channels=toy.WIDTH)
    runner = toy.build_runner(cfg)
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    runner.train()
    assert 'ranking/acc_joint_self' in runner.val_loop.run()
    after = runner.model.state_dict()
    assert set(after) == set(before)
    assert any(not torch.equal(after[k], v) for k, v in before.items())


def test_labels_that_are_never_refreshed(tmp_path):
    cfg = toy.pretrain_config(
        tmp_path, epochs=3, hook=dict(interval=3, max_cycles=1)
    )
    runner = toy.build_runner(cfg)
    runner.train()
    assert runner.epoch == 3
    banks = sorted(p.name for p in (tmp_path / 'work' / 'banks').iterdir())
    assert banks == ['cycle_001_train.pth', 'cycle_001_val.pth']
    assert (
        torch.load(tmp_path / 'work' / 'epoch_3.pth', weights_only=True)[
            'rank_label_hook'
        ]['cycle']
        == 1
    )
