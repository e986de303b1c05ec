"""Any config and any options of tools/train.py: a config or a usage error."""

import argparse
import json
import runpy

import pytest
from hypothesis import strategies as st
from mmengine.config import Config

from deeprank_mm import compat
from deeprank_mm.utils.usage import UsageError
from tests.fuzz.harness import fuzz
from tests.fuzz.junk import mangled

CONFIG = dict(
    default_scope='mmaction',
    work_dir='runs',
    model=dict(type='MultiViewRanker', modalities=['joint']),
    train_dataloader=dict(
        batch_size=4,
        dataset=dict(
            type='SkeletonDataset',
            pipeline=[dict(type='GenerateModalities', modalities=['joint'])],
        ),
    ),
    optim_wrapper=dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)
    ),
    custom_hooks=[dict(type='LoadEncoderHook', checkpoint='a.pth')],
    default_hooks=dict(logger=dict(type='LoggerHook')),
    test_evaluator=[dict(type='AccMetric')],
    test_cfg=dict(type='FeatureTestLoop'),
    randomness=dict(seed=3),
    auto_scale_lr=dict(enable=False, base_batch_size=64),
    env_cfg=dict(dist_cfg=dict(backend='gloo')),
)
WORD = st.text(
    st.characters(codec='ascii', exclude_characters='\0'), max_size=8
)
OPTIONS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                ['--amp'],
                ['--resume'],
                ['--no-validate'],
                ['--auto-scale-lr'],
                ['--deterministic'],
                ['--diff-rank-seed'],
            ]
        ),
        st.tuples(st.just('--seed'), st.one_of(WORD, st.integers().map(str))),
        st.tuples(st.just('--pretrained'), st.one_of(st.just('none'), WORD)),
        st.tuples(st.just('--resume'), WORD),
        st.tuples(
            st.just('--modality'), st.sampled_from(['bone', 'motion', 'x'])
        ),
        st.tuples(st.just('--work-dir'), WORD),
        st.tuples(
            st.just('--cfg-options'),
            st.one_of(
                WORD,
                st.tuples(
                    st.sampled_from(
                        [
                            'model',
                            'model.type',
                            'model.x.y',
                            'randomness',
                            'randomness.seed',
                            'custom_hooks',
                            'custom_hooks.0.checkpoint',
                            'custom_hooks.7',
                            'work_dir.a',
                        ]
                    ),
                    st.sampled_from(['3', '', '[1]', '(1,"a")', 'None', '{}']),
                ).map('='.join),
            ),
        ),
    ),
    max_size=4,
)


@pytest.fixture
def configure(repo_root, tmp_path, monkeypatch):
    """From a command line to a config, as tools/train.py does it."""
    monkeypatch.chdir(tmp_path)
    tool = runpy.run_path(str(repo_root / 'tools/train.py'))

    def configure(cfg, options):
        (tmp_path / 'config.json').write_text(json.dumps(cfg))
        args = tool['parser']().parse_args(['config.json', *options])
        return tool['configure'](args)

    return configure


def as_json(value):
    """Only what survives JSON: a config file holds no more."""
    return json.loads(json.dumps(value))


@fuzz(
    120,
    1500,
    cfg=mangled(as_json(CONFIG), most=2).map(as_json),
    options=OPTIONS,
)
def test_any_config_with_any_options(cfg, options, configure, monkeypatch):
    flat = [word for option in options for word in option]
    try:
        result = configure(cfg, flat)
    except UsageError as error:
        assert len(str(error)) > 25
    except (SystemExit, argparse.ArgumentTypeError) as stop:
        assert getattr(stop, 'code', 2) == 2  # argparse has said why
    else:
        assert isinstance(result, Config)
        assert isinstance(result.work_dir, str)
        assert isinstance(result.randomness.seed, int)


def test_the_config_itself_is_sound(configure):
    result = configure(CONFIG, ['--modality', 'bone', '--amp'])
    assert result.work_dir == 'runs_bone'
    wrapper = 'AmpOptimWrapper' if compat.has_accelerator() else None
    assert result.optim_wrapper.type == (wrapper or 'CpuAmpOptimWrapper')
