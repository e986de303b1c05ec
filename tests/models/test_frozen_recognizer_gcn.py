"""Linear evaluation: nothing of the backbone ever changes."""

import copy

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope

from tests import toy


@pytest.fixture(scope='module')
def pretrained(tmp_path_factory):
    """Weights of a ranker whose BatchNorm has seen data."""
    with DefaultScope.overwrite_default_scope('mmaction'):
        ranker = MODELS.build(toy.ranker())
    for module in ranker.modules():
        if hasattr(module, 'running_var'):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2.0)
    path = tmp_path_factory.mktemp('pretrained') / 'ranker.pth'
    torch.save(dict(state_dict=ranker.state_dict()), path)
    return str(path)


def linear_config(folder, checkpoint, epochs=2):
    cfg = toy.finetune_config(folder, checkpoint, epochs)
    cfg.model.type = 'FrozenRecognizerGCN'
    cfg.optim_wrapper.optimizer.weight_decay = 0.1
    return cfg


class Modes(Hook):
    """Which parts were in training mode at each iteration."""

    def __init__(self):
        self.seen = set()

    def after_train_iter(self, runner, *args, **kwargs):
        model = runner.model
        self.seen |= {
            (name.split('.')[0], module.training)
            for name, module in model.named_modules()
            if name.startswith(('backbone', 'cls_head'))
        }


def test_not_one_value_of_the_backbone_changes(tmp_path, pretrained):
    runner = toy.build_runner(linear_config(tmp_path, pretrained))
    head = copy.deepcopy(runner.model.cls_head.state_dict())
    modes = Modes()
    runner.register_hook(modes)
    runner.train()
    assert runner.iter > 4
    saved = torch.load(pretrained, weights_only=True)['state_dict']
    state = runner.model.state_dict()
    checked = 0
    for key, value in saved.items():
        if key.startswith('encoders.joint.'):
            key = key.replace('encoders.joint', 'backbone')
            # parameters, BatchNorm's statistics and its counters
            assert torch.equal(state.pop(key).cpu(), value.cpu()), key
            checked += 1
    assert checked > 50 and all(k.startswith('cls_head.') for k in state)
    assert not torch.equal(runner.model.cls_head.fc.weight, head['fc.weight'])
    # validation puts the whole model in eval mode, training not all back
    assert modes.seen == {('backbone', False), ('cls_head', True)}
    assert all(p.grad is None for p in runner.model.backbone.parameters())


def test_a_backbone_that_nobody_loaded_is_refused(tmp_path):
    cfg = linear_config(tmp_path, None, 1)
    runner = toy.build_runner(cfg)
    runner.train()  # scratch=True says that it is on purpose
    cfg.custom_hooks = []
    with pytest.raises(RuntimeError, match='LoadEncoderHook'):
        toy.build_runner(cfg).train()


def test_a_partial_checkpoint_is_no_low_score(tmp_path, pretrained):
    saved = torch.load(pretrained, weights_only=True)
    del saved['state_dict']['encoders.joint.gcn.1.tcn.bn.running_var']
    torch.save(saved, tmp_path / 'partial.pth')
    cfg = linear_config(tmp_path, str(tmp_path / 'partial.pth'), 1)
    with pytest.raises(ValueError, match='1 missing: gcn.1.tcn.bn.runni'):
        toy.build_runner(cfg).train()


def test_a_resumed_run_goes_on(tmp_path, pretrained):
    cfg = linear_config(tmp_path, pretrained, 1)
    toy.build_runner(cfg).train()
    cfg.resume = True
    cfg.train_cfg.max_epochs = 2
    runner = toy.build_runner(cfg)
    runner.train()
    assert runner.model.encoder_source == 'the run that is resumed'


@pytest.fixture
def process_group(free_port):
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'tcp://127.0.0.1:{free_port}',
        rank=0,
        world_size=1,
    )
    yield
    torch.distributed.destroy_process_group()


def test_ddp_waits_for_the_classifier_alone(process_group):
    # a parameter that takes a gradient, and gets none, stops the second step
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(
            dict(
                type='FrozenRecognizerGCN',
                backbone=toy.ENCODER,
                cls_head=dict(
                    type='GCNHead', num_classes=2, in_channels=toy.WIDTH
                ),
            )
        )
    model.encoder_source = 'this test'
    before = copy.deepcopy(model.backbone.state_dict())
    wrapped = MMDistributedDataParallel(model)
    wrapped.train()
    wrapper = OptimWrapper(
        torch.optim.SGD(wrapped.parameters(), lr=1.0, weight_decay=0.1)
    )
    inputs = [torch.randn(1, 1, 8, 5, 3) for _ in range(4)]
    samples = [labelled(i % 2) for i in range(4)]
    for _ in range(3):
        batch = dict(inputs=inputs, data_samples=samples)
        wrapped.train_step(batch, wrapper)
    for key, value in model.backbone.state_dict().items():
        assert torch.equal(value, before[key]), key


def labelled(label):
    from mmaction.structures import ActionDataSample

    sample = ActionDataSample()
    for name in ('set_gt_label', 'set_gt_labels'):  # MMAction2 1.2, 1.1
        if hasattr(sample, name):
            getattr(sample, name)(label)
    return sample
