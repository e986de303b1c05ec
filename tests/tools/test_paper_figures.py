"""tools/analysis on banks and logs as runs leave them."""

import csv
import json
import runpy

import pytest
import torch

from deeprank_mm.evaluation.class_distances import class_distances
from deeprank_mm.evaluation.label_precision import (
    majority_precision,
    ranking_precision,
)
from deeprank_mm.structures import FeatureBank

TOOLS = ('tsne', 'class_distances', 'ranking_precision', 'training_curves')


@pytest.fixture
def tool(repo_root):
    def load(name):
        path = repo_root / 'tools' / 'analysis' / f'{name}.py'
        return runpy.run_path(str(path))['main']

    return load


def save(folder, cycle=1, clustered=False, modalities=('joint', 'bone')):
    torch.manual_seed(cycle)
    bank = FeatureBank(
        [f'clip{i:02d}' for i in range(40)],
        {name: torch.randn(40, 4) for name in modalities},
        [i % 4 for i in range(40)],
    )
    if clustered:
        clusters = torch.arange(40) // 20  # two, each with all classes
        bank = bank.with_clusters(dict.fromkeys(modalities, clusters))
    bank.save(str(folder / 'banks' / f'cycle_{cycle:03d}_train.pth'))
    return bank


def rows(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize('name', TOOLS)
def test_help_has_an_example(tool, name, capsys):
    with pytest.raises(SystemExit) as end:
        tool(name)(['--help'])
    assert end.value.code == 0
    assert f'python tools/analysis/{name}.py' in capsys.readouterr().out


def test_tsne_of_the_same_samples_of_two_runs(tool, tmp_path):
    one, _ = save(tmp_path / 'a'), save(tmp_path / 'b', 2)
    out, table = tmp_path / 'x.png', tmp_path / 'x.csv'
    tool('tsne')(
        [
            f'first={tmp_path / "a"}',
            f'second={tmp_path / "b"}:bone',
            *('--out', str(out), '--csv', str(table), '--samples', '20'),
        ]
    )
    assert out.stat().st_size > 5000
    found = rows(table)
    samples = {
        name: [r['sample'] for r in found if r['encoder'] == name]
        for name in ('first', 'second')
    }
    assert samples['first'] == samples['second']
    assert len(samples['first']) == 20
    for row in found:
        place = one.ids.index(row['sample'])
        assert int(row['class']) == int(one.labels[place])


def test_tsne_of_a_cluster(tool, tmp_path, capsys):
    bank = save(tmp_path / 'a', clustered=True)
    save(tmp_path / 'b', 2)
    table = tmp_path / 'x.csv'
    options = ['--out', str(tmp_path / 'x.png'), '--csv', str(table)]
    pair = [f'c={tmp_path / "a"}', f'r={tmp_path / "b"}']
    tool('tsne')([*pair, *options, '--cluster', '1'])
    found = [r for r in rows(table) if r['encoder'] == 'r']
    # of 20 samples, the ten of its two largest classes
    assert len(found) == 10
    assert len({r['class'] for r in found}) == 2
    for row in found:
        assert bank.clusters['joint'][bank.ids.index(row['sample'])] == 1
    assert 'of cluster 1' in capsys.readouterr().out
    for which in ('largest', 'random'):
        tool('tsne')([*pair, *options, '--cluster', which])


@pytest.mark.parametrize(
    'order, which, message',
    [
        ('ba', 'largest', 'has no clusters, the first bank must be'),
        ('ab', '7', "'largest', 'random' or one of 0, 1"),
    ],
)
def test_clusters_that_are_not_there(
    tool, tmp_path, capsys, order, which, message
):
    save(tmp_path / 'a', clustered=True)
    save(tmp_path / 'b', 2)
    with pytest.raises(SystemExit):
        tool('tsne')(
            [
                *(str(tmp_path / name) for name in order),
                *('--out', str(tmp_path / 'x.png'), '--cluster', which),
            ]
        )
    assert message in capsys.readouterr().err


def test_class_distances(tool, tmp_path, capsys):
    banks = {name: save(tmp_path / name, i) for i, name in enumerate('ab', 1)}
    table = tmp_path / 'x.csv'
    names = tmp_path / 'names.txt'
    names.write_text('sit\nstand\nwalk\nrun\n')
    tool('class_distances')(
        [
            *(f'{name}={tmp_path / name}:bone' for name in 'ab'),
            *('--out', str(tmp_path / 'x.svg'), '--csv', str(table)),
            *('--class-names', str(names)),
        ]
    )
    assert 'stand' not in capsys.readouterr().err
    found = rows(table)
    assert len(found) == 2 * 16
    for name, bank in banks.items():
        _, matrix = class_distances(bank.features['bone'], bank.labels)
        mine = [float(r['distance']) for r in found if r['encoder'] == name]
        assert mine == pytest.approx(matrix.flatten().tolist())


def test_class_distances_of_other_samples(tool, tmp_path, capsys):
    save(tmp_path / 'a')
    FeatureBank(['x', 'y'], dict(joint=torch.ones(2, 2)), [0, 1]).save(
        str(tmp_path / 'b' / 'banks' / 'cycle_001_train.pth')
    )
    with pytest.raises(SystemExit):
        tool('class_distances')(
            [
                *(str(tmp_path / name) for name in 'ab'),
                *('--out', str(tmp_path / 'x.png')),
            ]
        )
    assert 'other samples than the first' in capsys.readouterr().err


def test_ranking_precision(tool, tmp_path, capsys):
    ranked = {c: save(tmp_path / 'r', c) for c in (1, 2, 4)}
    clustered = save(tmp_path / 'c', 1, clustered=True)
    table = tmp_path / 'x.csv'
    tool('ranking_precision')(
        [
            f'rank={tmp_path / "r"}',
            f'cluster={tmp_path / "c"}',
            *('--out', str(tmp_path / 'x.png'), '--csv', str(table)),
        ]
    )
    printed = capsys.readouterr().out
    assert 'no banks of cycles 3 any more' in printed
    found = {
        (r['labels'], int(r['refreshes'])): float(r['precision'])
        for r in rows(table)
    }
    assert len(found) == 2 * 3 + 1
    for cycle, bank in ranked.items():
        expected = ranking_precision(bank.features, bank.labels)
        # cycle 1 has the labels of the untrained encoder
        time = cycle - 1
        assert found['rank, all triplets', time] == expected.raw
        assert (
            found['rank, one candidate of the class', time]
            == expected.informative
        )
    assert found['cluster, majority of 2 clusters', 0] == majority_precision(
        clustered.clusters['joint'], clustered.labels
    )


def test_the_other_view_needs_another_modality(tool, tmp_path, capsys):
    save(tmp_path, modalities=['joint'])
    with pytest.raises(SystemExit):
        tool('ranking_precision')(
            [
                *(str(tmp_path), '--view', 'other'),
                *('--out', str(tmp_path / 'x.png')),
            ]
        )
    assert 'has joint alone' in capsys.readouterr().err


def test_training_curves(tool, tmp_path, capsys):
    log = tmp_path / '1' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    lines = [
        {'cycle/seconds': 1.0, 'cycle/spread_joint': 0.3, 'step': 0},
        {'cycle/knn20_joint': 0.4, 'cycle/knn20_bone': 0.5, 'step': 0},
        dict(loss=0.9, loss_joint_self=0.9, acc_joint_self=0.5, epoch=1,
             iter=4, step=4),
        {'ranking/loss': 0.7, 'ranking/loss_joint_self': 0.7, 'step': 1},
        {'cycle/seconds': 1.0, 'cycle/flip_rate_joint_self': 0.2, 'step': 4},
    ]  # fmt: skip
    log.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    table = tmp_path / 'x.csv'
    tool('training_curves')(
        [
            str(tmp_path),
            *('--out', str(tmp_path / 'x.png'), '--csv', str(table)),
        ]
    )
    found = [tuple(row.values()) for row in rows(table)]
    assert found == [
        ('loss', 'joint', 'self, training', '1.0', '0.9'),
        ('loss', 'joint', 'self, held-out', '1', '0.7'),
        ('accuracy', 'joint', 'self, training', '1.0', '0.5'),
        ('held-out accuracy', 'joint', 'knn20', '0.0', '0.4'),
        ('held-out accuracy', 'bone', 'knn20', '0.0', '0.5'),
        ('old and new labels', 'joint', 'flip rate self', '1.0', '0.2'),
    ]


def test_training_curves_of_a_classifier(tool, tmp_path):
    log = tmp_path / '1' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    line = dict(loss=0.9, loss_cls=0.9, epoch=1, iter=4, step=4)
    log.write_text(json.dumps(line) + '\n')
    table = tmp_path / 'x.csv'
    tool('training_curves')(
        [
            str(tmp_path),
            *('--out', str(tmp_path / 'x.png'), '--csv', str(table)),
        ]
    )
    found = [tuple(row.values()) for row in rows(table)]
    assert found == [('loss', '', 'training', '1.0', '0.9')]


@pytest.mark.parametrize('name', TOOLS)
def test_another_format_is_refused_first(tool, name, tmp_path, capsys):
    with pytest.raises(SystemExit):
        tool(name)([str(tmp_path / 'nowhere'), '--out', 'x.gif'])
    assert 'must end in .png or .svg' in capsys.readouterr().err
