"""DeepCluster's cycle; what it shares with DeepRank's is tested there."""

import copy
import re

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope

from deeprank_mm.engine import ClusterLabelHook
from deeprank_mm.engine.encoder_weights import load_encoder
from tests import toy
from tests.engine.test_rank_label_hook import Recorder


def run(cfg):
    runner = toy.build_runner(cfg)
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.train()
    hook = next(h for h in runner.hooks if isinstance(h, ClusterLabelHook))
    return runner, hook, recorder


def test_clusters_are_fixed_within_a_cycle_and_fresh_at_its_start(tmp_path):
    cfg = toy.cluster_config(tmp_path, epochs=3, hook=dict(interval=2))
    runner, hook, seen = run(cfg)
    assert seen.train[0] is seen.train[1]
    assert seen.train[1].digest != seen.train[2].digest
    for train, val in zip(seen.train, seen.val):
        found = train.clusters['joint']
        assert found.bincount(minlength=3).min() > 0
        # they are those of a k-means on the bank, at one of its optima:
        # every sample is nearest to the mean of its own cluster
        unit = torch.nn.functional.normalize(train.features['joint'])
        means = torch.stack([unit[found == k].mean(0) for k in range(3)])
        assert torch.equal(torch.cdist(unit, means).argmin(1), found)
        other = torch.nn.functional.normalize(val.features['joint'])
        assert torch.equal(
            torch.cdist(other, means).argmin(1), val.clusters['joint']
        )


def test_the_head_starts_anew_with_the_numbers(tmp_path):
    _, _, seen = run(toy.cluster_config(tmp_path / 'a', epochs=2))
    _, _, kept = run(
        toy.cluster_config(
            tmp_path / 'b', 2, hook=dict(interval=1, reset_head=False)
        )
    )
    head, encoder = 'heads.joint.fc.weight', 'encoders.joint.data_bn.weight'
    assert torch.equal(seen.weights[0][head], kept.weights[0][head])
    assert torch.equal(seen.weights[1][encoder], kept.weights[1][encoder])
    assert not torch.equal(seen.weights[1][head], kept.weights[1][head])


@pytest.mark.parametrize('epoch', [2, 3])
def test_resume_goes_on_exactly(tmp_path, epoch):
    cfg = toy.cluster_config(tmp_path, epochs=4, hook=dict(interval=2))
    cfg.custom_hooks.append(dict(type='EpochSeedHook'))
    whole, _, seen = run(cfg)
    again = copy.deepcopy(cfg)
    again.resume = True
    again.load_from = str(tmp_path / 'work' / f'epoch_{epoch}.pth')
    resumed, hook, later = run(again)
    assert hook.cycle == 2
    for one, two in zip(later.train, seen.train[epoch:]):
        assert one.digest == two.digest
        assert torch.equal(one.clusters['joint'], two.clusters['joint'])
    toy.assert_same_weights(
        resumed.model.state_dict(), whole.model.state_dict()
    )


def test_resume_does_not_cluster_again(tmp_path, monkeypatch):
    cfg = toy.cluster_config(tmp_path, epochs=2, hook=dict(interval=9))
    run(cfg)
    monkeypatch.setattr(ClusterLabelHook, '_cluster', None)
    cfg.resume = True
    cfg.train_cfg.max_epochs = 3
    _, _, seen = run(cfg)
    assert seen.train[0].clusters['joint'].max() == 2


def test_the_plateau_is_judged_on_held_out_clusters(tmp_path):
    cfg = toy.cluster_config(
        tmp_path, 50, hook=dict(patience=1, min_delta=10.0, max_cycles=2)
    )
    runner, hook, _ = run(cfg)
    # the first reading of a cycle is always progress
    assert (runner.epoch, hook.cycle) == (4, 2)
    assert hook.monitor == 'cluster/loss'


def test_each_modality_has_clusters_of_its_own(tmp_path):
    cfg = toy.cluster_config(tmp_path, 1, modalities=('joint', 'bone'))
    _, hook, seen = run(cfg)
    bank = seen.train[0]
    assert set(bank.clusters) == {'joint', 'bone'}
    for clusters in bank.clusters.values():
        assert clusters.unique().numel() == 3


def test_its_checkpoint_holds_encoders_as_any_other(tmp_path):
    runner, _, _ = run(toy.cluster_config(tmp_path, 1))
    with DefaultScope.overwrite_default_scope('mmaction'):
        backbone = MODELS.build(copy.deepcopy(toy.ENCODER))
    load_encoder(backbone, str(tmp_path / 'work' / 'epoch_1.pth'))
    toy.assert_same_weights(
        backbone.state_dict(), runner.model.encoders['joint'].state_dict()
    )


def test_what_a_refresh_did_is_logged(tmp_path, caplog):
    runner = toy.build_runner(toy.cluster_config(tmp_path, 2))
    runner.logger.addHandler(caplog.handler)
    runner.train()
    text = caplog.text
    assert re.search(
        r'Cycle 2: new labels for \d+ samples \(seconds [\d.e-]+, '
        r'seconds_clustering [\d.e-]+, empty_joint 0, largest_joint 0\.\d+, '
        r'nmi_joint [\d.]+, spread_joint [\d.]+\)',
        text,
    )
    assert 'nmi' not in text.split('Cycle 2')[0]


def test_too_many_clusters_are_an_error_at_the_start(tmp_path):
    cfg = toy.cluster_config(tmp_path)
    cfg.model.head.n_clusters = 500
    with pytest.raises(ValueError, match=r'500 clusters .* \d+ training'):
        run(cfg)


def test_the_model_must_be_a_clusterer(tmp_path):
    cfg = toy.cluster_config(tmp_path)
    cfg.model = toy.ranker()
    with pytest.raises(TypeError, match='trains a ClusterClassifier, not'):
        run(cfg)


def test_a_checkpoint_of_deeprank_is_no_place_to_resume_from(tmp_path):
    ranks = toy.pretrain_config(tmp_path, 1)
    toy.build_runner(ranks).train()
    cfg = toy.cluster_config(tmp_path, 2)
    cfg.resume = True
    with pytest.raises(ValueError, match='without a ClusterLabelHook'):
        run(cfg)


def test_unknown_arguments_are_named():
    with pytest.raises(TypeError, match="no argument 'clusters'"):
        ClusterLabelHook(clusters=3)
    with pytest.raises(ValueError, match='ClusterLabelHook: `interval`'):
        ClusterLabelHook(interval=0)


def test_another_encoder_makes_the_first_clusters(tmp_path):
    cfg = toy.cluster_config(
        tmp_path,
        epochs=2,
        hook=dict(interval=1, first_encoder=dict(type='JointDistances')),
    )
    _, _, seen = run(cfg)
    first, second = (bank.features['joint'].shape[1] for bank in seen.train)
    assert (first, second) == (80, toy.WIDTH)
    assert all(bank.clusters for bank in seen.train)
