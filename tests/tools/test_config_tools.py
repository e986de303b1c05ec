"""Tools that only read a config: print it, count it, draw its schedule."""

import runpy

import pytest
from mmengine.config import Config
from PIL import Image

from tests import toy


@pytest.fixture
def tool(repo_root):
    def tool(name, *argv):
        path = repo_root / 'tools' / 'analysis' / f'{name}.py'
        runpy.run_path(str(path))['main']([str(arg) for arg in argv])

    return tool


@pytest.fixture
def curve(repo_root):
    path = repo_root / 'tools' / 'analysis' / 'lr_curve.py'
    return runpy.run_path(str(path))['curve']


@pytest.fixture
def config(tmp_path):
    def config(cfg):
        cfg.custom_imports = dict(imports=['deeprank_mm'])
        cfg.dump(tmp_path / 'toy.py')
        return tmp_path / 'toy.py'

    return config


def refused(tool, capsys, *argv):
    with pytest.raises(SystemExit) as stop:
        tool(*argv)
    assert stop.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_the_printed_config_is_the_config(tool, config, tmp_path, capsys):
    path = config(toy.finetune_config(tmp_path))
    tool('print_config', path, '--cfg-options', 'train_cfg.max_epochs=7')
    cfg = Config.fromstring(capsys.readouterr().out, '.py')
    expected = Config.fromfile(path)
    expected.train_cfg.max_epochs = 7
    assert cfg._cfg_dict == expected._cfg_dict
    key = 'train_dataloader.dataset.pipeline.1'
    tool('print_config', path, '--key', key)
    out = capsys.readouterr().out
    assert 'TemporalCropResize' in out and 'model' not in out
    said = refused(tool, capsys, 'print_config', path, '--key', 'modle')
    assert "no 'modle'" in said and 'model' in said


def numbers(out):
    """The printed lines by their first word."""
    lines = [line.split(None, 1) for line in out.splitlines()]
    return {words[0]: words[1] for words in lines if len(words) == 2}


def test_counts_are_those_of_the_layers(tool, config, tmp_path, capsys):
    cfg = toy.finetune_config(tmp_path)
    # one linear layer of (3 -> 8) on each of 8 frames x 5 joints, twice
    cfg.model = toy.ranker(('joint', 'bone'))
    cfg.model.encoder = dict(
        type='STTFormer',
        num_joints=5,
        num_frames=8,
        len_parts=4,
        num_heads=1,
        config=[[8, 8, 4]],
    )
    pipeline = toy.pipeline(('joint', 'bone'))
    cfg.test_dataloader.dataset.pipeline = pipeline
    tool('get_flops', config(cfg))
    both = numbers(capsys.readouterr().out)
    assert both['input'] == '(1, 1, 1, 8, 5, 6)'
    cfg.model.modalities = ['joint']
    cfg.test_dataloader.dataset.pipeline = toy.pipeline()
    tool('get_flops', config(cfg), '--table')
    one = numbers(capsys.readouterr().out)

    def value(text):
        number, unit = text.split()[0], 1
        if number[-1] in 'KMG':
            unit = dict(K=1e3, M=1e6, G=1e9)[number[-1]]
            number = number[:-1]
        return float(number) * unit

    for key in ('flops', 'parameters'):
        assert value(one[key]) > 0
        assert value(both[key]) == pytest.approx(2 * value(one[key]), rel=0.01)


def test_learning_rates(tool, curve, tmp_path, capsys, repo_root):
    path = repo_root / 'configs' / 'finetune' / 'sttformer_ntu60_xsub.py'
    rates = curve(Config.fromfile(path), 2)
    assert len(rates) == 180
    by_epoch = rates[::2]
    assert by_epoch == rates[1::2]
    # 5 epochs of warm-up, then 0.1 with a tenth from 60 and from 80 on
    assert by_epoch[0] == pytest.approx(0.02)
    assert by_epoch[:6] == sorted(by_epoch[:6])
    for epoch, rate in ((5, 0.1), (59, 0.1), (60, 0.01), (80, 0.001)):
        assert by_epoch[epoch] == pytest.approx(rate)
    out = tmp_path / 'new' / 'lr.png'
    tool('lr_curve', path, '--out', out, '--iters-per-epoch', 2)
    assert '90 epochs: from 0.02' in capsys.readouterr().out
    assert Image.open(out).size[0] > 500


@pytest.mark.parametrize('batches, epochs', [(30, 36), (4, 270), (100, 36)])
def test_learning_rates_of_a_number_of_steps(
    curve, repo_root, batches, epochs
):
    path = repo_root / 'configs' / 'recipe' / 'stgcn_nwucla_xview.py'
    rates = curve(Config.fromfile(path), batches)
    assert len(rates) == batches * epochs
    assert rates[0] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)
    assert rates[len(rates) // 2] == pytest.approx(0.05, rel=0.01)
    assert rates[-1] < 1e-5


@pytest.mark.parametrize(
    'name, extra',
    [
        ('print_config', []),
        ('get_flops', []),
        ('lr_curve', ['--out', 'x.png']),
    ],
)
def test_one_clear_error(tool, capsys, name, extra):
    said = refused(tool, capsys, name, 'absent.py', *extra)
    assert 'absent.py does not exist' in said
