"""tools/demo_skeleton.py, end to end on toy weights."""

import runpy

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope
from PIL import Image

from tests import toy


@pytest.fixture
def demo(repo_root, tmp_path):
    cfg = toy.finetune_config(tmp_path)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg.model)
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(cfg=cfg.pretty_text)),
        tmp_path / 'toy.pth',
    )
    main = runpy.run_path(str(repo_root / 'tools' / 'demo_skeleton.py'))[
        'main'
    ]

    def demo(*argv):
        main(['--checkpoint', str(tmp_path / 'toy.pth'), *map(str, argv)])

    return demo


def test_prints_and_draws(demo, tmp_path, capsys):
    np.save(tmp_path / 'a.npy', toy.annotations()[0]['keypoint'])
    (tmp_path / 'names.txt').write_text('wave\nsit down\n')
    demo(
        '--input',
        tmp_path / 'a.npy',
        '--class-names',
        tmp_path / 'names.txt',
        '--out',
        tmp_path / 'top.png',
    )
    lines = capsys.readouterr().out.splitlines()
    ranks = [line for line in lines if line[:2] in ('1.', '2.')]
    assert len(ranks) == 2 and 'wave' in ''.join(ranks)
    assert Image.open(tmp_path / 'top.png').size[0] > 400


@pytest.mark.parametrize(
    'argv, message',
    [
        (['--input', 'absent.npy'], 'absent.npy'),
        (['--input', 'PKL'], 'name one, such as clip000'),
        (['--input', 'PKL', '--out', 'a.jpg'], '.png or .gif'),
        (['--input', 'PKL', '--config', 'absent.py'], 'absent.py'),
    ],
)
def test_one_clear_error(demo, tmp_path, capsys, argv, message):
    argv = [tmp_path / 'toy.pkl' if arg == 'PKL' else arg for arg in argv]
    with pytest.raises(SystemExit) as stop:
        demo(*argv)
    assert stop.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert 'error: ' in last and message in last
