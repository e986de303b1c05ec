"""The performance page is made of reports alone."""

import json
import runpy

import pytest


@pytest.fixture
def tool(repo_root):
    return runpy.run_path(
        str(repo_root / 'tools' / 'dev' / 'performance_page.py')
    )


def report(**targets):
    machine = dict.fromkeys(
        ('cpu', 'cores', 'threads', 'load', 'python', 'torch', 'mmengine')
    )
    machine.update(dict.fromkeys(('mmaction2', 'numpy', 'scikit-learn')))
    return dict(
        title='Title',
        about='About.',
        command='python benchmarks/bench_x.py',
        machine=dict(machine, gpu=None, bfloat16=False),
        targets=[
            dict(
                what=what,
                limit='≤ 2 s',
                measured=3.0,
                unit=' s',
                met=met,
                profile=['90 % conv'] if met is False else [],
            )
            for what, met in targets.items()
        ],
        tables=[
            dict(
                caption='Costs',
                rows=[dict(a=1, b=None, c=dict(median=2.0, min=1.0, max=3.0))],
            )
        ],
        picture=None,
    )


def write(folder, **reports):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in reports.items():
        (folder / f'{name}.json').write_text(json.dumps(content))


def test_the_page_is_generated_and_not_typed(tool, repo_root):
    page = (repo_root / 'docs' / 'performance.md').read_text()
    assert page == tool['performance_page']()


def test_misses_name_the_top_lines(tool, tmp_path):
    write(
        tmp_path / 'performance', x=report(fast=True, slow=False, other=None)
    )
    page = tool['performance_page'](tmp_path)
    assert '| Title | fast | ≤ 2 s | 3.00 s | met |' in page
    assert '| Title | slow | ≤ 2 s | 3.00 s | **missed** |' in page
    assert '| Title | other | ≤ 2 s |  | not measured |' in page
    assert 'Missed: slow (Title), 3.00 s instead of ≤ 2 s.' in page
    assert page.count('90 % conv') == 1
    assert 'without bfloat16 instructions' in page
    assert '| a | c |\n|---|---|\n| 1 | 2.00 (1.00 to 3.00) |' in page


def test_reports_come_in_the_order_of_the_page(tool, tmp_path):
    write(tmp_path, zzz=report(), encoder=report(), head=report())
    assert list(tool['read_reports'](tmp_path)) == ['head', 'encoder', 'zzz']


def test_reports_and_pictures_are_taken(tool, tmp_path):
    new = tmp_path / 'new'
    write(new, head=dict(report(), picture='head.png'))
    (new / 'head.png').write_bytes(b'picture')
    tool['take'](new, tmp_path / 'docs')
    picture = tmp_path / 'docs' / 'images' / 'performance_head.png'
    assert picture.read_bytes() == b'picture'
    page = tool['performance_page'](tmp_path / 'docs')
    assert '![Title](images/performance_head.png)' in page


def test_a_folder_without_reports_is_refused(tool, tmp_path):
    with pytest.raises(ValueError, match='make bench'):
        tool['read_reports'](tmp_path)
    (tmp_path / 'odd.json').write_text('[]')
    with pytest.raises(ValueError, match='odd.json is no report'):
        tool['read_reports'](tmp_path)
