"""The pictures of the method, and the page that shows them."""

import re
import runpy

import pytest


@pytest.mark.parametrize('suffix', ['.svg', '.png'])
def test_they_are_drawn(repo_root, tmp_path, suffix):
    tool = runpy.run_path(
        str(repo_root / 'tools' / 'dev' / 'method_diagrams.py')
    )
    tool['main'](['--out', str(tmp_path), '--suffix', suffix])
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {name + suffix for name in tool['PICTURES']}
    assert all(path.stat().st_size > 10000 for path in tmp_path.iterdir())


def test_the_page_shows_each(repo_root):
    docs = repo_root / 'docs'
    text = (docs / 'method.md').read_text()
    shown = re.findall(r'\]\((images/method_\w+\.svg)\)', text)
    there = (docs / 'images').glob('method_*.svg')
    assert sorted(shown) == sorted(f'images/{path.name}' for path in there)
    assert len(shown) == 3
