"""The tool that writes labelled subsets, and its file as an option."""

import runpy

import pytest

from deeprank_mm.datasets import read_ids
from tests import toy


@pytest.fixture(scope='module')
def main(repo_root):
    return runpy.run_path(str(repo_root / 'tools' / 'data' / 'subset.py'))[
        'main'
    ]


def test_the_file_is_the_subset_of_fraction_and_seed(main, tmp_path, capsys):
    ann_file = toy.annotation_file(tmp_path / 'a.pkl', count=80)
    out = tmp_path / 'ids.txt'
    argv = [ann_file, '--split', 'train', '--seed', '2', '--out', str(out)]
    assert main([*argv, '--fraction', '0.2']) == 0
    direct = toy.build_dataset(
        ann_file, split='train', labelled=dict(fraction=0.2, seed=2)
    )
    by_file = toy.build_dataset(
        ann_file, split='train', labelled=dict(file=str(out))
    )
    assert by_file.sample_ids == direct.sample_ids
    assert sorted(direct.labels) == [0] * 6 + [1] * 6
    said = capsys.readouterr().out
    assert '12 of 60 samples' in said
    remarks = out.read_text().splitlines()[:5]
    assert remarks == [
        '# samples: 12 of 60',
        '# annotation file: a.pkl',
        '# split: train',
        '# fraction: 0.2',
        '# seed: 2',
    ]
    # the same bytes again
    before = out.read_bytes()
    assert main([*argv, '--fraction', '0.2']) == 0
    assert out.read_bytes() == before
    # and nested
    assert main([*argv, '--fraction', '0.5']) == 0
    assert set(direct.sample_ids) < set(read_ids(str(out)))


@pytest.mark.parametrize(
    'options, match',
    [
        (['--fraction', '0'], 'fraction must be in'),
        (['--fraction', '0.1', '--split', 'val'], "no split 'val'"),
        (['--fraction', '0.1'], 'has splits; choose one'),
    ],
)
def test_errors_are_one_sentence(main, tmp_path, capsys, options, match):
    ann_file = toy.annotation_file(tmp_path / 'a.pkl')
    if '--split' not in options and match.startswith('fraction'):
        options = [*options, '--split', 'train']
    out = tmp_path / 'ids.txt'
    assert main([ann_file, '--out', str(out), *options]) == 1
    said = capsys.readouterr().err
    assert said.startswith('error: ') and match in said
    assert not out.exists()
