"""The results page and the tables it is made of."""

import itertools
import json
import re
import runpy

import pytest

from deeprank_mm.protocols.table import entries_of, paired_difference, percent

# As the docs write a paired difference: 3.5 [+1.7, +5.3], with any sign.
INTERVAL = re.compile(r'([+-]?\d+\.\d)\s\[([+-]\d+\.\d),\s([+-]\d+\.\d)\]')


def test_the_page_is_generated_and_not_typed(repo_root):
    tool = runpy.run_path(
        str(repo_root / 'tools' / 'analysis' / 'results_page.py')
    )
    page = (repo_root / 'docs' / 'results.md').read_text()
    assert page == tool['results_page']()
    assert tool['summary']() in (repo_root / 'README.md').read_text()


def test_the_picture_shows_every_seed_of_the_tables(repo_root):
    tool = runpy.run_path(
        str(repo_root / 'tools' / 'analysis' / 'results_page.py')
    )
    panels = tool['gains']()
    assert len(panels) == 4
    for title, panel in panels.items():
        assert len(panel['DeepRank, the recipe']) == 5, title
        assert panel['DeepRank, the recipe'].keys() == (
            panel['no pretraining'].keys()
        )
    table = json.loads(
        (repo_root / 'docs/results/recipe_utdmhad_methods.json').read_text()
    )
    (entry,) = [
        e
        for e in table['entries']
        if (e['row'], e['protocol']) == ('DeepRank, recipe', 'knn@20')
    ]
    shown = panels['UTD-MHAD, kNN-20']['DeepRank, the recipe']
    assert shown == entry['accuracy']


def test_every_table_was_finished(repo_root):
    tables = list((repo_root / 'docs' / 'results').glob('*.json'))
    assert tables
    for path in tables:
        content = json.loads(path.read_text())
        assert content['finished'] == content['cells'], path


@pytest.fixture(scope='module')
def differences(repo_root):
    """Every paired difference of two rows that the tables hold, as written."""
    columns = {}
    for path in (repo_root / 'docs' / 'results').glob('*.json'):
        data = 'utdmhad' in path.name, 'distinct' in path.name
        for entry in entries_of(json.loads(path.read_text())):
            # a linear classifier is also compared with finetuning
            protocol = entry.protocol.replace('linear@', 'semi@')
            column = columns.setdefault((data, entry.modality, protocol), {})
            column[path.name, entry.row, entry.protocol] = entry
    known = set()
    for column in columns.values():
        for one, other in itertools.permutations(column.values(), 2):
            found = paired_difference(one.accuracy, other.accuracy)
            if found and found[1] is not None:
                known.add(tuple(percent(value, True) for value in found))
    return known


@pytest.mark.parametrize('page', ['docs/evidence.md', 'docs/recipe.md'])
def test_intervals_in_the_text_are_those_of_the_tables(
    repo_root, differences, page
):
    written = INTERVAL.findall((repo_root / page).read_text())
    assert len(written) > 10
    unknown = [
        f'{mean} [{low}, {high}]'
        for mean, low, high in written
        if not {(s + mean.lstrip('+-'), low, high) for s in '+-'} & differences
    ]
    assert not unknown
