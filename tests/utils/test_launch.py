"""One option, one change of the config."""

import argparse

import pytest
import torch
from mmengine.config import Config

from deeprank_mm import compat
from deeprank_mm.utils import launch
from deeprank_mm.utils.usage import UsageError


@pytest.fixture
def checkpoint(tmp_path) -> str:
    path = tmp_path / 'epoch_1.pth'
    torch.save({}, path)
    return str(path)


@pytest.fixture
def single():
    """A single-stream config that starts from a pretrained encoder."""
    pipeline = [
        dict(type='PoseDecode'),
        dict(type='mmaction.GenerateModalities', modalities=['joint']),
    ]
    return Config(
        dict(
            model=dict(type='RecognizerGCN'),
            train_dataloader=dict(
                dataset=dict(
                    type='RepeatDataset', dataset=dict(pipeline=pipeline)
                )
            ),
            test_dataloader=dict(dataset=dict(pipeline=pipeline)),
            custom_hooks=[
                dict(type='EMAHook'),
                dict(
                    type='LoadEncoderHook',
                    checkpoint='old.pth',
                    modality='joint',
                ),
            ],
        )
    )


def parse(*argv):
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    launch.add_common_arguments(parser)
    return parser.parse_args([str(arg) for arg in argv])


class TestLoadConfig:
    def test_defaults(self, tiny_project):
        cfg = launch.load_config(parse(tiny_project / 'tiny.py'))
        assert cfg.work_dir == 'work_dirs/a project/tiny'
        assert cfg.randomness == dict(seed=0)
        assert cfg.launcher == 'none'

    def test_options(self, tiny_project):
        cfg = launch.load_config(
            parse(
                tiny_project / 'tiny.py',
                '--work-dir',
                'here',
                '--seed',
                3,
                '--diff-rank-seed',
                '--launcher',
                'pytorch',
                '--cfg-options',
                'train_cfg.max_epochs=7',
            )
        )
        assert cfg.work_dir == 'here'
        assert cfg.randomness == dict(seed=3, diff_rank_seed=True)
        assert cfg.launcher == 'pytorch'
        assert cfg.train_cfg.max_epochs == 7

    @pytest.mark.parametrize(
        'argv, work_dir',
        [
            (['--modality', 'bone'], 'runs/ntu_bone'),
            (['--modality', 'joint'], 'runs/ntu'),
            (['--modality', 'bone', '--work-dir', 'here'], 'here'),
        ],
    )
    def test_modality_joins_the_work_dir(
        self, single, tmp_path, argv, work_dir
    ):
        single.work_dir = 'runs/ntu/'
        single.dump(tmp_path / 'single.py')
        cfg = launch.load_config(parse(tmp_path / 'single.py', *argv))
        assert cfg.work_dir.rstrip('/') == work_dir

    @pytest.mark.parametrize(
        'argv, message',
        [
            (['--work-dir', ''], '--work-dir'),
            (['--seed', '-1'], 'seed must be 0 to 4294967295, got -1'),
            (['--cfg-options', 'randomness.seed=x'], "integer, got 'x'"),
            (['--cfg-options', 'randomness=3'], 'randomness .* a dict'),
            (
                ['--cfg-options', 'custom_hooks=EMAHook'],
                'custom_hooks .* list',
            ),
            (['--cfg-options', 'work_dir.a=3'], '--cfg-options do not fit'),
            (
                ['--cfg-options', 'custom_hooks=[]', 'custom_hooks.0.x=1'],
                'set custom_hooks as a whole.* custom_hooks.0.x within it',
            ),
        ],
    )
    def test_options_that_do_not_fit(self, tiny_project, argv, message):
        with (tiny_project / 'tiny.py').open('a') as file:
            file.write("work_dir = 'mine'\n")
        with pytest.raises(UsageError, match=message):
            launch.load_config(parse(tiny_project / 'tiny.py', *argv))

    def test_options_that_are_no_pairs(self, capsys):
        with pytest.raises(SystemExit):
            parse('x.py', '--cfg-options', 'no-pair')
        assert "'no-pair' is not of the form key=value" in (
            capsys.readouterr().err
        )

    def test_missing_file(self, tmp_path):
        with pytest.raises(UsageError, match='absent.py does not exist'):
            launch.load_config(parse(tmp_path / 'absent.py'))

    def test_work_dir_of_the_config_is_kept(self, tiny_project):
        with (tiny_project / 'tiny.py').open('a') as file:
            file.write("work_dir = 'mine'\n")
        cfg = launch.load_config(parse(tiny_project / 'tiny.py'))
        assert cfg.work_dir == 'mine'


class TestSeed:
    @pytest.mark.parametrize(
        'config, option, used',
        [
            (None, None, 0),
            (dict(seed=None), None, 0),
            (dict(seed=5), None, 5),
            (dict(seed=5), 0, 0),
            (None, 9, 9),
        ],
    )
    def test_order(self, config, option, used):
        cfg = Config(dict(randomness=config))
        launch.set_seed(cfg, option)
        assert cfg.randomness.seed == used

    def test_deterministic(self, monkeypatch):
        monkeypatch.delenv('CUBLAS_WORKSPACE_CONFIG', raising=False)
        cfg = Config(dict(randomness=dict(seed=1, deterministic=False)))
        launch.set_seed(cfg, None, deterministic=True)
        assert cfg.randomness == dict(seed=1, deterministic=True)
        assert launch.os.environ['CUBLAS_WORKSPACE_CONFIG']


class TestAmp:
    @pytest.fixture(params=[False, True], ids=['cpu', 'gpu'])
    def kind(self, request, monkeypatch):
        monkeypatch.setattr(compat, 'has_accelerator', lambda: request.param)
        return 'AmpOptimWrapper' if request.param else 'CpuAmpOptimWrapper'

    @pytest.mark.parametrize(
        'before',
        [
            dict(optimizer=dict(type='SGD')),
            dict(type='OptimWrapper', clip_grad=dict(max_norm=1)),
            dict(type='AmpOptimWrapper', loss_scale=512.0, dtype='float16'),
        ],
    )
    def test_picks_the_wrapper(self, kind, before):
        cfg = Config(dict(optim_wrapper=before))
        launch.set_amp(cfg)
        after = cfg.optim_wrapper
        assert after.type == kind
        if kind == 'CpuAmpOptimWrapper':
            assert not {'loss_scale', 'dtype'} & set(after)
        else:
            assert after.loss_scale == before.get('loss_scale', 'dynamic')
        assert all(
            after[k] == before[k]
            for k in before
            if k in ('optimizer', 'clip_grad')
        )

    def test_unknown_wrapper(self):
        cfg = Config(dict(optim_wrapper=dict(type='ApexOptimWrapper')))
        with pytest.raises(UsageError, match='ApexOptimWrapper'):
            launch.set_amp(cfg)

    def test_no_wrapper(self):
        with pytest.raises(UsageError, match='optim_wrapper'):
            launch.set_amp(Config(dict()))


class TestCompile:
    def test_adds_the_hook_once(self, monkeypatch):
        monkeypatch.setattr(launch, 'compiler_problem', lambda device: None)
        cfg = Config(dict(custom_hooks=[dict(type='FiniteHook')]))
        for _ in range(2):
            launch.set_compile(cfg)
        kinds = [hook.type for hook in cfg.custom_hooks]
        assert kinds == ['FiniteHook', 'CompileHook']

    def test_no_compiler(self, monkeypatch):
        monkeypatch.setenv('CXX', 'no-such-compiler')
        monkeypatch.setattr(launch.compat, 'has_accelerator', lambda: False)
        with pytest.raises(UsageError, match='--compile.*no-such-compiler'):
            launch.set_compile(Config(dict()))


class TestResume:
    def test_not_asked_for(self):
        cfg = Config(dict(load_from='x.pth'))
        launch.set_resume(cfg, None)
        assert cfg.to_dict() == dict(load_from='x.pth')

    def test_latest(self):
        cfg = Config(dict(load_from='x.pth'))
        launch.set_resume(cfg, 'auto')
        assert cfg.resume and cfg.load_from is None

    def test_named(self, checkpoint):
        cfg = Config(dict())
        launch.set_resume(cfg, checkpoint)
        assert cfg.resume and cfg.load_from == checkpoint

    def test_missing(self):
        with pytest.raises(UsageError, match='--resume.*absent.pth'):
            launch.set_resume(Config(dict()), 'absent.pth')


def test_skip_validation():
    cfg = Config(dict(val_cfg=dict(), val_dataloader=dict()))
    launch.skip_validation(cfg)
    assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None


def test_auto_scale_lr():
    cfg = Config(dict(auto_scale_lr=dict(enable=False, base_batch_size=64)))
    launch.enable_auto_scale_lr(cfg)
    assert cfg.auto_scale_lr.enable
    for section in (None, dict(), dict(base_batch_size='64')):
        with pytest.raises(UsageError, match='base_batch_size'):
            launch.enable_auto_scale_lr(Config(dict(auto_scale_lr=section)))


class TestPretrained:
    def test_checkpoint(self, single, checkpoint):
        launch.set_pretrained(single, checkpoint)
        hook = single.custom_hooks[1]
        assert hook.checkpoint == checkpoint and hook.scratch is False
        assert single.custom_hooks[0] == dict(type='EMAHook')

    def test_work_folder(self, single, checkpoint, tmp_path):
        (tmp_path / 'last_checkpoint').write_text(checkpoint)
        launch.set_pretrained(single, str(tmp_path))
        assert single.custom_hooks[1].checkpoint == checkpoint

    def test_scratch(self, single):
        launch.set_pretrained(single, 'none')
        hook = single.custom_hooks[1]
        assert hook.checkpoint is None and hook.scratch is True

    def test_missing(self, single):
        with pytest.raises(UsageError, match='--pretrained.*absent.pth'):
            launch.set_pretrained(single, 'absent.pth')

    def test_a_url_is_left_to_the_loader(self, single):
        launch.set_pretrained(single, 'https://example.org/a.pth')
        assert single.custom_hooks[1].checkpoint.startswith('https')

    def test_a_config_that_loads_nothing(self):
        with pytest.raises(UsageError, match='LoadEncoderHook'):
            launch.set_pretrained(Config(dict()), 'none')


class TestModality:
    def test_everywhere(self, single):
        assert launch.set_modality(single, 'bone')
        train = single.train_dataloader.dataset.dataset.pipeline
        test = single.test_dataloader.dataset.pipeline
        assert train[1].modalities == test[1].modalities == ['bone']
        assert single.custom_hooks[1].modality == 'bone'
        assert 'modalities' not in single.model
        assert not launch.set_modality(single, 'bone')

    def test_a_ranker_of_one_modality(self, single):
        single.model.modalities = ['joint']
        launch.set_modality(single, 'motion')
        assert single.model.modalities == ['motion']

    def test_several_at_once(self, single):
        single.model.modalities = ['joint', 'bone']
        with pytest.raises(UsageError, match='single-stream'):
            launch.set_modality(single, 'motion')

    def test_nothing_to_change(self):
        with pytest.raises(UsageError, match='GenerateModalities'):
            launch.set_modality(Config(dict(model=dict())), 'bone')


class TestCheckpointChoice:
    def test_checkpoint(self, checkpoint):
        cfg = Config(dict(load_from='other.pth', resume=True))
        launch.set_checkpoint(cfg, checkpoint, None)
        assert cfg.load_from is None and cfg.resume is False

    def test_training_starts_elsewhere(self, single):
        del single.custom_hooks[1]['checkpoint']
        launch.set_checkpoint(single, None, 'raw')
        assert single.custom_hooks == [dict(type='EMAHook')]

    @pytest.mark.parametrize('kind', [None, 'raw'])
    def test_exactly_one(self, checkpoint, kind):
        given = checkpoint if kind else None
        with pytest.raises(UsageError, match='either'):
            launch.set_checkpoint(Config(dict()), given, kind)

    def test_missing(self):
        with pytest.raises(UsageError, match='absent.pth'):
            launch.set_checkpoint(Config(dict()), 'absent.pth', None)

    def test_calibrated(self):
        cfg = Config(dict(test_cfg=dict(type='FeatureTestLoop')))
        launch.set_checkpoint(cfg, None, 'calibrated')
        assert cfg.test_cfg.calibrate is True
        with pytest.raises(UsageError, match='FeatureTestLoop'):
            launch.set_checkpoint(
                Config(dict(test_cfg=dict())), None, 'calibrated'
            )

    def test_encoder(self, checkpoint):
        cfg = Config(dict(model=dict(type='mmaction.MultiViewRanker')))
        launch.set_checkpoint(cfg, None, None, checkpoint)
        assert cfg.load_from is None and cfg.resume is False
        with pytest.raises(UsageError, match='--encoder.*absent.pth'):
            launch.set_checkpoint(cfg, None, None, 'absent.pth')
        with pytest.raises(UsageError, match='either'):
            launch.set_checkpoint(cfg, checkpoint, None, checkpoint)
        cfg.model.type = 'RecognizerGCN'
        with pytest.raises(UsageError, match='pretraining config.*Recogn'):
            launch.set_checkpoint(cfg, None, None, checkpoint)

    def test_raw(self):
        cfg = Config(dict(test_cfg=dict()))
        launch.set_checkpoint(cfg, None, 'raw')
        assert cfg.test_cfg == dict()


class TestDump:
    @pytest.mark.parametrize(
        'before',
        [
            dict(type='AccMetric'),
            [dict(type='AccMetric')],
        ],
    )
    def test_joins_the_other_metrics(self, before):
        cfg = Config(dict(test_evaluator=before))
        launch.dump_predictions(cfg, 'out.pkl')
        assert cfg.test_evaluator == [
            dict(type='AccMetric'),
            dict(type='DumpResults', out_file_path='out.pkl'),
        ]

    def test_ending(self):
        with pytest.raises(UsageError, match='out.json'):
            launch.dump_predictions(Config(dict()), 'out.json')
