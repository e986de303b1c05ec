"""The gaps that compat closes, and that it opens none."""

import importlib
import importlib.util
import os
import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

from deeprank_mm import compat

needs_safe_load = pytest.mark.skipif(
    torch.__version__ < '2.6',
    reason='this torch does not load with weights_only=True by itself',
)


def run(code, cwd=None):
    """Run code in a fresh interpreter and return the finished process."""
    return subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=cwd
    )


def saved(tmp_path, content):
    path = tmp_path / 'checkpoint.pth'
    torch.save(content, path)
    return path


def test_apply_twice_changes_nothing():
    compat.apply()
    modules = dict(sys.modules)
    allowed = set(map(str, torch.serialization.get_safe_globals()))
    compat.apply()
    assert modules == dict(sys.modules)
    assert allowed == set(map(str, torch.serialization.get_safe_globals()))


def test_missing_mmcv_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'deeprank-mm\[lite\]'):
        compat.require_mmcv()


def test_importlib_metadata_stand_in(monkeypatch):
    monkeypatch.delitem(sys.modules, 'importlib_metadata', raising=False)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    compat.add_importlib_metadata()
    module = sys.modules.pop('importlib_metadata')
    assert module.distribution and module.PackageNotFoundError


def test_importlib_metadata_is_kept_where_installed(monkeypatch):
    monkeypatch.delitem(sys.modules, 'importlib_metadata', raising=False)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: object())
    compat.add_importlib_metadata()
    assert 'importlib_metadata' not in sys.modules


class TestLocalizersDRN:
    """A stand-in exactly where the wheel forgot the module."""

    @pytest.fixture
    def upstream(self, tmp_path, monkeypatch):
        """An MMAction2 made of files, and its ``localizers`` folder."""
        folder = tmp_path / 'models' / 'localizers'
        folder.mkdir(parents=True)
        (folder / '__init__.py').write_text('from .drn.drn import DRN\n')
        monkeypatch.setitem(
            sys.modules, 'mmaction', SimpleNamespace(__path__=[str(tmp_path)])
        )
        self.forget(monkeypatch)
        yield folder
        self.forget(monkeypatch)

    @staticmethod
    def forget(monkeypatch):
        for name in [n for n in sys.modules if '.localizers.drn' in n]:
            monkeypatch.delitem(sys.modules, name)

    @staticmethod
    def added():
        return [n for n in sys.modules if '.localizers.drn' in n]

    def test_stands_in_for_a_forgotten_module(self, upstream):
        compat.add_localizers_drn()
        assert len(self.added()) == 2
        from mmaction.models.localizers.drn.drn import DRN

        with pytest.raises(ImportError, match='issue 2714'):
            DRN(vocab_size=1)

    def test_leaves_the_real_module_alone(self, upstream):
        (upstream / 'drn').mkdir()
        (upstream / 'drn' / 'drn.py').touch()
        compat.add_localizers_drn()
        assert not self.added()

    def test_leaves_versions_without_drn_alone(self, upstream):
        (upstream / '__init__.py').write_text('from .bmn import BMN\n')
        compat.add_localizers_drn()
        assert not self.added()

    def test_the_installed_models_import(self):
        done = run(
            'import deeprank_mm.compat as c; c.apply()\n'
            'import mmaction.models\n'
            'from mmaction.registry import MODELS\n'
            'real = MODELS.get("DRN")\n'
            'assert real is None or "raise ImportError" not in '
            '__import__("inspect").getsource(real)'
        )
        assert done.returncode == 0, done.stderr


class TestMultimodalVindLU:
    """Left out exactly where ``transformers`` lacks what it imports."""

    NAME = 'mmaction.models.multimodal.vindlu'

    @pytest.fixture
    def upstream(self, tmp_path, monkeypatch):
        """An MMAction2 made of files whose VindLU wants two names."""
        folder = tmp_path / 'models' / 'multimodal' / 'vindlu'
        folder.mkdir(parents=True)
        (folder / '__init__.py').write_text('from .xbert import Bert\n')
        (folder / 'xbert.py').write_text(
            'import torch\n'
            'from .beit import Beit\n'
            'from transformers.modeling_utils import PreTrained, prune\n'
        )
        monkeypatch.setitem(
            sys.modules, 'mmaction', SimpleNamespace(__path__=[str(tmp_path)])
        )
        monkeypatch.delitem(sys.modules, self.NAME, raising=False)
        yield folder
        for name in [n for n in sys.modules if n.startswith('transformers')]:
            del sys.modules[name]
        sys.modules.pop(self.NAME, None)

    @staticmethod
    def install(folder, monkeypatch, names):
        """A ``transformers`` with these names in ``modeling_utils``."""
        package = folder / 'transformers'
        package.mkdir()
        (package / '__init__.py').touch()
        (package / 'modeling_utils.py').write_text(
            ''.join(f'{name} = None\n' for name in names)
        )
        monkeypatch.syspath_prepend(folder)

    def test_stands_in_where_a_name_is_gone(
        self, upstream, tmp_path, monkeypatch
    ):
        self.install(tmp_path, monkeypatch, ['PreTrained'])
        compat.add_multimodal_vindlu()
        assert [n for n in vars(sys.modules[self.NAME]) if n[0] != '_'] == []

    def test_stands_in_where_a_module_is_gone(
        self, upstream, tmp_path, monkeypatch
    ):
        self.install(tmp_path, monkeypatch, ['PreTrained', 'prune'])
        (upstream / 'tokens.py').write_text(
            'from transformers.file_utils import ModelOutput\n'
        )
        compat.add_multimodal_vindlu()
        assert self.NAME in sys.modules

    def test_leaves_the_real_module_alone(
        self, upstream, tmp_path, monkeypatch
    ):
        self.install(tmp_path, monkeypatch, ['PreTrained', 'prune'])
        compat.add_multimodal_vindlu()
        assert self.NAME not in sys.modules

    def test_leaves_it_to_mmaction2_without_transformers(
        self, upstream, monkeypatch
    ):
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util,
            'find_spec',
            lambda name: None if name == 'transformers' else find(name),
        )
        compat.add_multimodal_vindlu()
        assert self.NAME not in sys.modules

    def test_the_installed_models_import_beside_a_newer_transformers(
        self, tmp_path, monkeypatch
    ):
        self.install(tmp_path, monkeypatch, names=[])
        metadata = tmp_path / 'transformers-5.0.0.dist-info' / 'METADATA'
        metadata.parent.mkdir()
        metadata.write_text('Name: transformers\nVersion: 5.0.0\n')
        done = run(
            f'import sys; sys.path.insert(0, {str(tmp_path)!r})\n'
            'import deeprank_mm, mmaction.models\n'
            'from mmaction.utils.dependency import WITH_MULTIMODAL\n'
            'from mmaction.registry import MODELS\n'
            'assert WITH_MULTIMODAL, "MMAction2 did not see transformers"\n'
            'assert MODELS.get("STGCN") is not None'
        )
        assert done.returncode == 0, done.stderr


def test_every_backbone_of_mmaction2_can_be_initialised():
    """Outside of a Runner, too, which happens to import what they need."""
    done = run(
        'import deeprank_mm\n'
        'from mmaction.registry import MODELS\n'
        'from mmengine.registry import init_default_scope\n'
        'init_default_scope("mmaction")\n'
        'for name in ("STGCN", "AAGCN"):\n'
        '    MODELS.build(dict(type=name, num_stages=2, base_channels=4,\n'
        '        graph_cfg=dict(layout="coco", mode="spatial"))'
        ').init_weights()'
    )
    assert done.returncode == 0, done.stderr


@needs_safe_load
class TestCheckpoints:
    """Safe loading stays on, and reads what mmengine saves."""

    def test_history_buffer_and_numpy_numbers(self, tmp_path):
        buffer = HistoryBuffer([0.5, 1.5], [1, 1])
        content = dict(
            buffer=buffer,
            numbers=[np.float64(2), np.float32(3), np.int64(4), np.True_],
            array=np.arange(3, dtype=np.uint8),
        )
        loaded = torch.load(saved(tmp_path, content))
        assert loaded['buffer'].mean() == 1
        assert loaded['buffer'].statistics('max') == 1.5
        assert loaded['numbers'] == content['numbers']
        assert loaded['array'].tolist() == [0, 1, 2]

    @pytest.mark.parametrize('module', ['numpy.core', 'numpy._core'])
    def test_either_numpy_may_have_saved_it(self, tmp_path, module):
        import zipfile

        source = saved(tmp_path, dict(x=np.float64(2), y=np.zeros(2)))
        target = tmp_path / 'renamed.pth'
        with (
            zipfile.ZipFile(source) as old,
            zipfile.ZipFile(target, 'w') as new,
        ):
            for name in old.namelist():
                data = old.read(name)
                for known in (b'numpy._core.', b'numpy.core.'):
                    data = data.replace(b'c' + known, b'c@.')
                new.writestr(
                    name, data.replace(b'c@.', b'c%s.' % module.encode())
                )
        assert torch.load(target)['x'] == 2

    def test_a_checkpoint_of_a_real_run(self, tiny_project):
        done = run(REAL_RUN, cwd=tiny_project)
        assert done.returncode == 0, done.stderr

    def test_a_hostile_checkpoint_does_not_run(self, tmp_path):
        marker = tmp_path / 'ran'

        class Attack:
            def __reduce__(self):
                return os.system, (f'touch "{marker}"',)

        path = saved(tmp_path, dict(state_dict=Attack()))
        with pytest.raises(pickle.UnpicklingError):
            torch.load(path)
        assert not marker.exists()

    @pytest.mark.parametrize('name', ['statistics', '__init__', '__class__'])
    def test_getattr_reaches_nothing_else(self, tmp_path, name):

        class Attack:
            def __reduce__(self):
                return getattr, (HistoryBuffer, name)

        with pytest.raises(pickle.UnpicklingError, match=name):
            torch.load(saved(tmp_path, Attack()))

    def test_getattr_of_other_objects(self, tmp_path):

        class Attack:
            def __reduce__(self):
                return getattr, (torch.Tensor, 'min')

        with pytest.raises(pickle.UnpicklingError, match='refused'):
            torch.load(saved(tmp_path, Attack()))


REAL_RUN = """
import torch
from mmengine.config import Config
from mmengine.runner import Runner
cfg = Config.fromfile('tiny.py')
cfg.work_dir = 'run'
cfg.custom_hooks = [dict(type='EMAHook')]
Runner.from_cfg(cfg).train()
loaded = torch.load('run/epoch_2.pth')
hub = loaded['message_hub']['log_scalars']
assert len(hub['train/loss'].data[0]) == 4
assert loaded['ema_state_dict']
cfg.experiment_name = 'resumed'
cfg.resume, cfg.load_from = True, 'run/epoch_1.pth'
runner = Runner.from_cfg(cfg)
runner.train()
assert runner.epoch == 2 and runner.iter == 4
"""


class TestCpuDistributed:
    """Gloo and DDP where mmengine would call CUDA."""

    @pytest.fixture(autouse=True)
    def no_gpu(self, monkeypatch):
        monkeypatch.setattr(compat, 'has_accelerator', lambda: False)

    @pytest.mark.parametrize('launcher', ['none', 'slurm', 'mpi'])
    def test_other_launchers_are_upstreams(self, launcher):
        assert not compat.init_cpu_dist(launcher)

    def test_gpu_is_upstreams(self, monkeypatch):
        monkeypatch.setattr(compat, 'has_accelerator', lambda: True)
        assert not compat.init_cpu_dist('pytorch')
        cfg = Config(dict(launcher='pytorch'))
        compat.cpu_ddp_cfg(cfg)
        assert 'model_wrapper_cfg' not in cfg

    def test_without_torchrun(self, monkeypatch):
        monkeypatch.delenv('RANK', raising=False)
        with pytest.raises(RuntimeError, match='RANK.*torchrun'):
            compat.init_cpu_dist('pytorch')

    def test_joins_over_gloo_once(self, monkeypatch, free_port):
        for key, value in dict(
            RANK='0',
            LOCAL_RANK='0',
            WORLD_SIZE='1',
            MASTER_ADDR='127.0.0.1',
            MASTER_PORT=free_port,
        ).items():
            monkeypatch.setenv(key, value)
        try:
            assert compat.init_cpu_dist('pytorch', timeout=60)
            assert torch.distributed.get_backend() == 'gloo'
            assert not compat.init_cpu_dist('pytorch')
        finally:
            torch.distributed.destroy_process_group()
        compat.leave_dist()  # without a group nothing happens

    def test_leaving_is_an_end_as_any_other(self, tmp_path):
        """With its threads, exit handlers and buffers, but no tear-down."""
        done = run(
            'import atexit, threading, time\n'
            'import torch.distributed as dist\n'
            'from deeprank_mm import compat\n'
            "dist.init_process_group('gloo', rank=0, world_size=1, "
            f"init_method='file://{tmp_path}/meeting_point')\n"
            "atexit.register(print, 'handler')\n"
            'threading.Thread('
            "target=lambda: time.sleep(0.5) or print('thread')).start()\n"
            "print('work')\n"
            'compat.leave_dist()\n'
            "print('still here')\n"
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ['work', 'thread', 'handler']

    def test_model_wrapper(self):
        cfg = Config(dict(launcher='pytorch', find_unused_parameters=True))
        compat.cpu_ddp_cfg(cfg)
        assert cfg.model_wrapper_cfg == dict(
            type='MMDistributedDataParallel',
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=True,
        )

    def test_model_wrapper_of_the_user_is_kept(self):
        cfg = Config(dict(launcher='pytorch', model_wrapper_cfg=dict(a=1)))
        compat.cpu_ddp_cfg(cfg)
        assert cfg.model_wrapper_cfg == dict(a=1)

    def test_one_process_needs_no_wrapper(self):
        cfg = Config(dict(launcher='none', sync_bn='torch'))
        compat.cpu_ddp_cfg(cfg)
        assert 'model_wrapper_cfg' not in cfg

    def test_sync_bn(self):
        cfg = Config(dict(launcher='pytorch', sync_bn='torch'))
        with pytest.raises(ValueError, match='sync_bn=None'):
            compat.cpu_ddp_cfg(cfg)
