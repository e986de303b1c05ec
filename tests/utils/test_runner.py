"""From a config to a Runner, and all of its weights."""

import pytest
import torch
from mmengine.config import Config
from torch import nn

from deeprank_mm import compat
from deeprank_mm.utils.runner import build_runner, load_weights
from deeprank_mm.utils.usage import UsageError


def configured(tiny_project, launcher='none', **settings):
    cfg = Config.fromfile(tiny_project / 'tiny.py')
    cfg.merge_from_dict(dict(launcher=launcher, **settings))
    return cfg


class TestRunner:
    def runner(self, tiny_project, tmp_path):
        cfg = configured(tiny_project, work_dir=str(tmp_path / 'run'))
        return build_runner(cfg)

    def test_weights_are_loaded_whole(self, tiny_project, tmp_path):
        runner = self.runner(tiny_project, tmp_path)
        path = str(tmp_path / 'weights.pth')
        state = {
            k: torch.full_like(v, 2)
            for k, v in runner.model.state_dict().items()
        }
        torch.save(dict(state_dict=state), path)
        load_weights(runner, path)
        assert all((v == 2).all() for v in runner.model.state_dict().values())

    @pytest.mark.parametrize(
        'damage, names',
        [
            (lambda s: s.pop('cls_head.fc.weight'), 'cls_head.fc.weight'),
            (lambda s: s.update(extra=torch.ones(1)), 'extra'),
            (
                lambda s: s.update({'cls_head.fc.bias': torch.ones(7)}),
                'fc.bias',
            ),
        ],
        ids=['missing', 'unexpected', 'shape'],
    )
    def test_weights_that_do_not_fit(
        self, tiny_project, tmp_path, damage, names
    ):
        runner = self.runner(tiny_project, tmp_path)
        path = str(tmp_path / 'weights.pth')
        state = runner.model.state_dict()
        damage(state)
        torch.save(dict(state_dict=state), path)
        with pytest.raises(UsageError, match=names):
            load_weights(runner, path)

    def test_untrained_weights_are_initialised(self, tiny_project, tmp_path):
        runner = self.runner(tiny_project, tmp_path)
        nn.init.constant_(runner.model.cls_head.fc.weight, 7)
        load_weights(runner, None)
        assert not (runner.model.cls_head.fc.weight == 7).any()

    def test_torchrun_is_missing(self, tiny_project, monkeypatch):
        monkeypatch.setattr(compat, 'has_accelerator', lambda: False)
        monkeypatch.delenv('RANK', raising=False)
        cfg = configured(tiny_project, launcher='pytorch', work_dir='run')
        with pytest.raises(UsageError, match='torchrun'):
            build_runner(cfg)
