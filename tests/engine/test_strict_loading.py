import copy

import pytest
import torch
from mmengine.hooks import Hook

from deeprank_mm.engine import LoadEncoderHook
from deeprank_mm.engine.strict import check_state_dict, resolve_checkpoint
from tests import toy


@pytest.fixture(scope='module')
def pretrained(tmp_path_factory):
    """Work directory of a finished pretraining, two modalities."""
    folder = tmp_path_factory.mktemp('pretrained')
    runner = toy.build_runner(
        toy.pretrain_config(folder, 1, modalities=('joint', 'bone'))
    )
    runner.train()
    return folder / 'work'


def encoder_of(pretrained, modality):
    """The state dict of one encoder of that pretraining."""
    saved = torch.load(pretrained / 'epoch_1.pth', weights_only=True)
    prefix = f'encoders.{modality}.'
    return {
        key[len(prefix) :]: value
        for key, value in saved['state_dict'].items()
        if key.startswith(prefix)
    }


def finetune_config(folder, checkpoint, modality='joint', **encoder):
    """A recogniser on the toy data that starts from an encoder."""
    cfg = toy.pretrain_config(folder, epochs=1)
    cfg.model = dict(
        type='RecognizerGCN',
        backbone=dict(copy.deepcopy(toy.ENCODER), **encoder),
        cls_head=dict(type='GCNHead', num_classes=2, in_channels=toy.WIDTH),
    )
    cfg.val_evaluator = [dict(type='AccMetric')]
    cfg.custom_hooks = [
        dict(type='LoadEncoderHook', checkpoint=checkpoint, modality=modality)
    ]
    return cfg


class FirstWeights(Hook):
    """The backbone as the first iteration meets it."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 0:
            self.weights = copy.deepcopy(runner.model.backbone.state_dict())


@pytest.mark.parametrize('modality', ['joint', 'bone'])
def test_training_starts_from_exactly_the_named_encoder(
    tmp_path, pretrained, modality
):
    runner = toy.build_runner(
        finetune_config(tmp_path, str(pretrained), modality)
    )
    first = FirstWeights()
    runner.register_hook(first, priority='LOWEST')
    runner.train()
    toy.assert_same_weights(first.weights, encoder_of(pretrained, modality))


def test_nothing_overwrites_the_loaded_weights(tmp_path, pretrained):
    cfg = finetune_config(tmp_path, str(pretrained))
    cfg.optim_wrapper.optimizer.lr = 0.0
    runner = toy.build_runner(cfg)
    runner.train()
    found = dict(runner.model.backbone.named_parameters())
    expected = encoder_of(pretrained, 'joint')
    toy.assert_same_weights(found, {key: expected[key] for key in found})


def test_a_resumed_run_keeps_its_own_weights(tmp_path, pretrained):
    cfg = finetune_config(tmp_path, str(pretrained))
    runner = toy.build_runner(cfg)
    runner.train()
    own = copy.deepcopy(runner.model.backbone.state_dict())
    cfg.resume = True
    cfg.train_cfg.max_epochs = 2
    resumed = toy.build_runner(cfg)
    first = FirstWeights()
    resumed.register_hook(first, priority='LOWEST')
    resumed.train()
    toy.assert_same_weights(first.weights, own)


def test_another_width_is_named(tmp_path, pretrained):
    cfg = finetune_config(tmp_path, str(pretrained), base_channels=6)
    cfg.model.cls_head.in_channels = 12
    with pytest.raises(ValueError, match=r'of another shape: .* instead of'):
        toy.build_runner(cfg).train()


def test_another_depth_is_named(tmp_path, pretrained):
    cfg = finetune_config(tmp_path, str(pretrained), num_stages=4)
    with pytest.raises(ValueError, match=r'missing: gcn\.3\.'):
        toy.build_runner(cfg).train()


def test_a_modality_that_was_not_trained_is_named(tmp_path, pretrained):
    cfg = finetune_config(tmp_path, str(pretrained), modality='motion')
    with pytest.raises(ValueError, match="no 'motion' encoder: .* bone, joi"):
        toy.build_runner(cfg).train()


def test_resuming_where_nothing_is_yet_begins_at_the_encoder(
    tmp_path, pretrained
):
    cfg = finetune_config(tmp_path, str(pretrained))
    cfg.resume = True
    cfg.optim_wrapper.optimizer.lr = 0.0
    runner = toy.build_runner(cfg)
    runner.train()
    found = dict(runner.model.backbone.named_parameters())
    expected = encoder_of(pretrained, 'joint')
    toy.assert_same_weights(found, {key: expected[key] for key in found})


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='no checkpoint .*gone.pth'):
        resolve_checkpoint(str(tmp_path / 'gone.pth'))
    with pytest.raises(FileNotFoundError, match='no checkpoint in'):
        resolve_checkpoint(str(tmp_path))


def test_a_work_directory_that_moved_still_resolves(tmp_path, pretrained):
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/epoch_7.pth')
    torch.save({}, tmp_path / 'epoch_7.pth')
    assert resolve_checkpoint(str(tmp_path)) == str(tmp_path / 'epoch_7.pth')


def test_of_a_copied_work_directory_its_own_checkpoint_counts(tmp_path):
    old, new = tmp_path / 'old', tmp_path / 'new'
    for folder in (old, new):
        folder.mkdir()
        torch.save({}, folder / 'epoch_7.pth')
        (folder / 'last_checkpoint').write_text(str(old / 'epoch_7.pth'))
        assert resolve_checkpoint(str(folder)) == str(folder / 'epoch_7.pth')


@pytest.mark.parametrize(
    'kwargs', [dict(), dict(checkpoint='x.pth', scratch=True)]
)
def test_scratch_must_be_said(kwargs):
    with pytest.raises(ValueError, match='either a `checkpoint`'):
        LoadEncoderHook(**kwargs)


def test_every_kind_of_mismatch_is_listed():
    module = torch.nn.Linear(2, 3)
    state = dict(weight=torch.zeros(3, 4), extra=torch.zeros(1))
    with pytest.raises(ValueError) as caught:
        check_state_dict(module, state, 'x.pth')
    message = str(caught.value)
    assert 'missing: bias' in message
    assert 'unexpected: extra' in message
    assert 'weight (3, 4) instead of (3, 2)' in message


def test_evaluation_of_another_model_is_an_error(tmp_path, pretrained):
    cfg = toy.pretrain_config(tmp_path, epochs=1)
    cfg.custom_hooks.append(dict(type='StrictLoadHook'))
    cfg.load_from = str(pretrained / 'epoch_1.pth')
    # one modality, where the checkpoint has two
    with pytest.raises(ValueError, match=r'unexpected: encoders\.bone'):
        toy.build_runner(cfg).train()
