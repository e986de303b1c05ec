"""A section of another kind is a usage error."""

import pytest
from mmengine.config import Config

from deeprank_mm.utils.sections import check_sections
from deeprank_mm.utils.usage import UsageError
from tests import toy


def test_what_configs_hold_passes(tmp_path, tiny_project):
    check_sections(toy.pretrain_config(tmp_path))
    check_sections(Config.fromfile(tiny_project / 'tiny.py'))
    check_sections(Config(dict(val_cfg=None, val_evaluator=None)))
    check_sections(Config(dict(test_evaluator=dict(type='AccMetric'))))


@pytest.mark.parametrize(
    'name, value, kind',
    [
        ('model', 'STGCN', 'a dict'),
        ('custom_hooks', dict(type='EMAHook'), 'a list'),
        ('custom_hooks', 3, 'a list'),
        ('optim_wrapper', [], 'a dict'),
        ('test_evaluator', 'AccMetric', 'a dict or a list'),
        ('work_dir', 5, 'a text'),
        ('randomness', 5, 'a dict'),
    ],
)
def test_other_kinds_are_named(name, value, kind):
    with pytest.raises(
        UsageError, match=f'{name} of the config must be {kind},'
    ):
        check_sections(Config({name: value}))
