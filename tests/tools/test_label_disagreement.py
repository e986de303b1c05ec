"""tools/analysis/label_disagreement.py on banks as a run leaves them."""

import csv
import runpy

import pytest
import torch

from deeprank_mm.ranking import sampled_disagreement
from deeprank_mm.structures import FeatureBank

ALL = ('joint', 'bone', 'motion')


@pytest.fixture
def main(repo_root):
    path = repo_root / 'tools' / 'analysis' / 'label_disagreement.py'
    return runpy.run_path(str(path))['main']


def save(folder, cycle, modalities=ALL):
    torch.manual_seed(cycle)
    scale = torch.linspace(1, 9, 30)[:, None]
    bank = FeatureBank(
        [f'clip{i:02d}' for i in range(30)],
        {name: scale * torch.randn(30, 4) for name in modalities},
    )
    bank.save(str(folder / 'banks' / f'cycle_{cycle:03d}_train.pth'))
    return bank


def test_table_picture_and_csv(main, tmp_path, capsys):
    banks = {cycle: save(tmp_path, cycle) for cycle in (1, 2)}
    out, table = tmp_path / 'bars.png', tmp_path / 'shares.csv'
    options = ['--triplets', '2000', '--seed', '3', '--paper']
    main([str(tmp_path), *options, '--out', str(out), '--csv', str(table)])
    printed = capsys.readouterr().out
    assert out.stat().st_size > 5000
    wanted = sampled_disagreement(
        banks[2].features,
        [(name, view) for name in ALL for view in ('other', 'all')],
        'l2',
        2000,
        3,
    )
    with open(table, newline='') as file:
        rows = {(r['modality'], r['view']): r for r in csv.DictReader(file)}
    assert list(rows) == list(wanted)
    for head, value in wanted.items():
        assert float(rows[head]['share']) == value.share
        assert str(value) in printed
    assert '2,000 triplets' in printed
    assert '28.9 %  (paper, NTU60)' in printed
    main([str(tmp_path), '--cycle', '1'])
    first = capsys.readouterr().out
    assert 'cycle_001_train.pth' in first
    assert 'paper' not in first


def test_the_runs_own_normalisation_is_taken(main, tmp_path, capsys):
    bank = save(tmp_path, 1)
    main([str(tmp_path)])
    assert 'taking l2' in capsys.readouterr().out
    (tmp_path / 'run.py').write_text("model = dict(normalization='none')\n")
    main([str(tmp_path)])
    printed = capsys.readouterr().out
    shares = {
        mode: sampled_disagreement(bank.features, [('joint', 'all')], mode)
        for mode in ('none', 'l2')
    }
    one, two = (str(s['joint', 'all']) for s in shares.values())
    assert one != two
    assert one in printed
    main([str(tmp_path), '--normalization', 'l2'])
    assert two in capsys.readouterr().out


@pytest.mark.parametrize(
    'options, message',
    [
        (['--cycle', '9'], 'no bank of cycle 9'),
        (['--triplets', '0'], '--triplets must be 1 or more'),
    ],
)
def test_what_cannot_be_done_is_said(main, tmp_path, capsys, options, message):
    save(tmp_path, 1)
    with pytest.raises(SystemExit):
        main([str(tmp_path), *options])
    assert message in capsys.readouterr().err


def test_one_modality_has_no_other_views(main, tmp_path, capsys):
    save(tmp_path, 1, ['joint'])
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert 'holds joint alone' in capsys.readouterr().err
