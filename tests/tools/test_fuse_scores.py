"""The ensemble from the command line."""

import runpy

import numpy as np
import pytest
import torch
from mmaction.evaluation import mean_class_accuracy, top_k_accuracy
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.evaluator import DumpResults, Evaluator

from deeprank_mm.evaluation.predictions import Predictions

COUNT, CLASSES = 40, 8
LABELS = np.arange(COUNT) % CLASSES


def dump(path, scores, order, labels=True, ids=None):
    """What a test run writes: mmengine's evaluator with its DumpResults."""
    evaluator = Evaluator(DumpResults(str(path)))
    for start in range(0, len(order), 16):
        batch = []
        for i in order[start : start + 16]:
            sample = ActionDataSample(metainfo=dict(sample_id=f'clip{i}'))
            if ids is not None:
                sample.set_metainfo(dict(sample_id=ids[i]))
            sample.set_pred_score(scores[i])
            sample.set_pred_label(scores[i].argmax())
            if labels:
                sample.set_gt_label(int(LABELS[i]))
            batch.append(sample)
        evaluator.process(batch)
    evaluator.evaluate(len(order))


def scores_of(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(COUNT, CLASSES, generator=generator)
    logits[torch.arange(COUNT), torch.tensor(LABELS)] += 1
    return logits.softmax(1)


@pytest.fixture
def streams(tmp_path):
    """Three files, each in an order of its own; returns their scores."""
    scores = {}
    for seed, name in enumerate(('joint', 'bone', 'motion')):
        scores[name] = scores_of(seed)
        order = np.random.default_rng(seed).permutation(COUNT)
        dump(tmp_path / f'{name}.pkl', scores[name], order)
    return scores


@pytest.fixture
def tool(repo_root, tmp_path, monkeypatch, capsys):
    """Run it in the folder of the files; returns what it prints."""
    monkeypatch.chdir(tmp_path)
    module = runpy.run_path(str(repo_root / 'tools' / 'fuse_scores.py'))

    def call(*argv):
        capsys.readouterr()
        module['main']([str(arg) for arg in argv])
        return capsys.readouterr().out

    return call


@pytest.fixture
def fails(tool, capsys):
    """Run it in vain; returns the last line of what it says."""

    def call(*argv):
        with pytest.raises(SystemExit) as stop:
            tool(*argv)
        assert stop.value.code == 2
        return capsys.readouterr().err.strip().splitlines()[-1]

    return call


FILES = ('joint.pkl', 'bone.pkl', 'motion.pkl')


def figures(text):
    """The rows of the printed table: a name and its numbers."""
    lines = text.splitlines()
    first, last = (
        next(i for i, line in enumerate(lines) if line.startswith(word))
        for word in ('stream ', 'per cent ')
    )
    rows = [line.split() for line in lines[first + 1 : last]]
    return {row[0]: [float(value) for value in row[1:]] for row in rows}


def expected(scores):
    """Independently, in per cent: MMAction2's own functions."""
    scores = scores.numpy()
    return [
        100 * top_k_accuracy(scores, LABELS, (1,))[0],
        100 * top_k_accuracy(scores, LABELS, (5,))[0],
        100 * mean_class_accuracy(scores, LABELS),
    ]


@pytest.mark.parametrize('weights', [None, [1, 2, 0.5]])
def test_prints_every_stream_and_the_ensemble(tool, streams, weights):
    argv = [] if weights is None else ['--weights', *weights]
    rows = figures(tool(*FILES, *argv))
    assert list(rows) == ['joint', 'bone', 'motion', 'fused']
    weights = weights or [1, 1, 1]
    for name, weight in zip(streams, weights):
        assert rows[name] == pytest.approx(
            [weight, *expected(streams[name])], abs=0.005
        )
    total = sum(w * s.double() for w, s in zip(weights, streams.values()))
    assert rows['fused'] == pytest.approx(expected(total), abs=0.005)


def test_names(tool, streams):
    rows = figures(tool('--names', 'J', 'B', 'M', '--', *FILES))
    assert list(rows) == ['J', 'B', 'M', 'fused']


def test_files_of_the_same_name(tool, streams, tmp_path):
    (tmp_path / 'b').mkdir()
    (tmp_path / 'bone.pkl').rename(tmp_path / 'b' / 'joint.pkl')
    said = tool('joint.pkl', 'b/joint.pkl')
    assert list(figures(said)) == ['joint.pkl', 'b/joint.pkl', 'fused']


def test_output_is_read_again(tool, streams):
    rows = figures(tool(*FILES, '--out', 'new/fused.pkl'))
    again = figures(tool('new/fused.pkl'))
    assert again['fused'] == rows['fused']
    fused = Predictions.load('new/fused.pkl')
    mean = sum(s.double() for s in streams.values()) / 3
    for name, row in zip(fused.ids, fused.scores):
        assert np.allclose(row, mean[int(name[4:])], atol=1e-12)


def test_picture_with_class_names(tool, streams, tmp_path):
    names = [f'action {i}' for i in range(CLASSES)]
    (tmp_path / 'names.txt').write_text('\n'.join(names) + '\n')
    options = '--confusion-matrix cm.svg --class-names names.txt'.split()
    said = tool(*FILES, *options)
    assert 'cm.svg' in said
    picture = (tmp_path / 'cm.svg').read_text()
    assert 'action 7' in picture and 'joint + bone + motion' in picture


def test_without_labels(tool, fails, tmp_path):
    for seed, name in enumerate(FILES):
        dump(tmp_path / name, scores_of(seed), range(COUNT), labels=False)
    assert 'accuracy cannot be computed' in fails(*FILES)
    said = tool(*FILES, '--out', 'fused.pkl')
    assert 'top-1' not in said and 'fused.pkl' in said
    assert len(Predictions.load('fused.pkl')) == COUNT
    message = fails(*FILES, '--out', 'y.pkl', '--confusion-matrix', 'y.png')
    assert 'accuracy cannot be computed' in message
    assert not (tmp_path / 'y.pkl').exists()


@pytest.mark.parametrize(
    'argv, message',
    [
        (['absent.pkl'], 'absent.pkl do not exist'),
        (['joint.pkl', 'joint.pkl'], 'joint.pkl is given more than once'),
        ([*FILES, '--weights', 1, 1], '2 weights for 3 streams'),
        ([*FILES, '--weights', 1, 1, -1], 'motion is -1.0'),
        ([*FILES, '--names', 'a', 'b'], '2 for 3 files'),
        ([*FILES, '--names', 'a', 'b', 'a'], 'the same name'),
        ([*FILES, '--out', 'x.json'], '.pkl or .pickle'),
        ([*FILES, '--out', './bone.pkl'], 'would overwrite'),
        ([*FILES, '--confusion-matrix', 'x.jpg'], '.png or .svg'),
        ([*FILES, '--class-names', 'x.txt'], '--confusion-matrix'),
        (
            [*FILES, '--confusion-matrix', 'x.png', '--class-names', 'x.txt'],
            'x.txt: there is no such file',
        ),
        (
            [*FILES, '--confusion-matrix', 'x.png', '--class-names', 'two'],
            'two has 2 names, but there is a class 7',
        ),
    ],
)
def test_one_clear_error(fails, streams, tmp_path, argv, message):
    (tmp_path / 'two').write_text('a\nb\n')
    before = sorted(tmp_path.iterdir())
    said = fails(*argv)
    assert 'error: ' in said and message in said
    assert sorted(tmp_path.iterdir()) == before


def test_mismatched_samples_are_named(fails, streams, tmp_path):
    ids = [f'clip{i}' for i in range(COUNT)]
    ids[3] = 'other'
    dump(tmp_path / 'bone.pkl', scores_of(1), range(COUNT), ids=ids)
    said = fails(*FILES)
    assert 'bone lacks 1 (clip3)' in said and 'joint lacks 1 (other)' in said


def test_dumps_of_the_configs_carry_names(repo_root):
    configs = sorted((repo_root / 'configs' / 'finetune').glob('*.py'))
    assert configs
    for path in configs:
        pipeline = Config.fromfile(path).test_dataloader.dataset.pipeline
        assert 'sample_id' in pipeline[-1].get('meta_keys', ()), path
