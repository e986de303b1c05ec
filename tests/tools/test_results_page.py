"""The results page and the tables it is made of."""

import json
import runpy


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
