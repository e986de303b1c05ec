"""The results page and the tables it is made of."""

import json
import runpy


def test_the_page_is_generated_and_not_typed(repo_root):
    tool = runpy.run_path(
        str(repo_root / 'tools' / 'analysis' / 'results_page.py')
    )
    page = (repo_root / 'docs' / 'results.md').read_text()
    assert page == tool['results_page']()


def test_every_table_was_finished(repo_root):
    tables = list((repo_root / 'docs' / 'results').glob('*.json'))
    assert tables
    for path in tables:
        content = json.loads(path.read_text())
        assert content['finished'] == content['cells'], path
