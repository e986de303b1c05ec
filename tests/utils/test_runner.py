"""From a config to a Runner, and all of its weights."""

import pytest
import torch
from mmengine.config import Config
from torch import nn

from deeprank_mm import compat
from deeprank_mm.utils.runner import (
    build_runner,
    load_encoders,
    load_weights,
)
from deeprank_mm.utils.usage import UsageError
from tests import toy


def configured(tiny_project, launcher='none', **settings):
    cfg = Config.fromfile(tiny_project / 'tiny.py')
    cfg.merge_from_dict(dict(launcher=launcher, **settings))
    return cfg


class TestRunner:
    def runner(self, tiny_project, tmp_path):
        cfg = configured(tiny_project, work_dir=str(tmp_path / 'run'))
        return build_runner(cfg)

    def test_a_work_folder_that_is_read_only(
        self, tiny_project, tmp_path, read_only
    ):
        folder = tmp_path / 'read only'
        folder.mkdir()
        cfg = configured(tiny_project, work_dir=str(folder))
        with read_only(folder):
            with pytest.raises(UsageError, match='read only .*--work-dir'):
                build_runner(cfg)
            cfg.work_dir = str(folder / 'run')
            with pytest.raises(UsageError, match='read only/run .*--work-dir'):
                build_runner(cfg)
        assert not list(folder.iterdir())

    def test_a_work_folder_that_cannot_be(self, tiny_project, tmp_path):
        (tmp_path / 'file').write_text('')
        cfg = configured(tiny_project, work_dir=str(tmp_path / 'file' / 'x'))
        with pytest.raises(UsageError, match='file/x .*--work-dir'):
            build_runner(cfg)

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


class TestEncoders:
    @pytest.fixture
    def trained(self, tmp_path):
        """The state of a ranker of two streams, and a file of it."""
        cfg = toy.pretrain_config(
            tmp_path / 'trained', modalities=('joint', 'bone')
        )
        state = toy.build_runner(cfg).model.state_dict()
        torch.save(dict(state_dict=state), tmp_path / 'ranker.pth')
        return state, str(tmp_path / 'ranker.pth')

    @staticmethod
    def parts(state, prefix):
        return {
            k[len(prefix) :]: v
            for k, v in state.items()
            if k.startswith(prefix)
        }

    def test_one_stream_of_a_checkpoint_of_any_kind(self, trained, tmp_path):
        state, path = trained
        cfg = toy.pretrain_config(tmp_path / 'x', modalities=('bone',))
        runner = toy.build_runner(cfg)
        bone = self.parts(state, 'encoders.bone.')
        bare = str(tmp_path / 'bare.pth')
        torch.save(bone, bare)
        for source in (path, bare):
            load_weights(runner, None)
            load_encoders(runner, source)
            loaded = runner.model.encoders['bone'].state_dict()
            assert set(loaded) == set(bone)
            assert all(torch.equal(loaded[k], v) for k, v in bone.items())

    def test_several_streams_need_an_encoder_each(self, trained, tmp_path):
        state, path = trained
        cfg = toy.pretrain_config(tmp_path / 'x', modalities=('joint', 'bone'))
        runner = toy.build_runner(cfg)
        load_encoders(runner, path)
        for name, value in runner.model.encoders.state_dict().items():
            assert torch.equal(value, state[f'encoders.{name}'])
        bare = str(tmp_path / 'bare.pth')
        torch.save(self.parts(state, 'encoders.bone.'), bare)
        with pytest.raises(UsageError, match="no 'joint' encoder.*--modality"):
            load_encoders(runner, bare)
