"""The ablations page and where its rows come from."""

import json
import runpy
import shutil

import pytest

from deeprank_mm.protocols.table import Entry


@pytest.fixture(scope='module')
def tool(repo_root):
    return runpy.run_path(
        str(repo_root / 'tools' / 'analysis' / 'ablations_page.py')
    )


def table(title, rows, accuracy=0.5):
    return dict(
        title=title,
        command=f'python tools/benchmark.py # {title}',
        finished=len(rows),
        cells=len(rows),
        revision='abc',
        versions=dict(python='3'),
        entries=[
            Entry(row, 'joint', 'linear', {0: accuracy}).as_dict()
            for row in rows
        ],
    )


@pytest.fixture
def docs(repo_root, tmp_path):
    """A folder with the paper's tables, and ``write`` for measured ones."""
    folder = tmp_path / 'results'
    folder.mkdir()
    for path in (repo_root / 'docs' / 'results').glob('*.csv'):
        shutil.copy(path, folder)
    (tmp_path / 'performance').mkdir()
    shutil.copy(
        repo_root / 'docs' / 'performance' / 'refresh.json',
        tmp_path / 'performance',
    )

    def write(name, content):
        (folder / f'{name}.json').write_text(json.dumps(content))
        return tmp_path

    write.root = tmp_path
    return write


def section(page, title):
    """The text between a heading and the next of its kind."""
    return page.split(f'\n## {title}\n')[1].split('\n## ')[0]


def test_the_page_is_generated_and_not_typed(repo_root, tool):
    page = (repo_root / 'docs' / 'ablations.md').read_text()
    assert page == tool['ablations_page']()


def test_every_ablation_config_has_its_place(repo_root, tool):
    placed = [row for part in tool['SECTIONS'] for row in part.rows]
    there = (repo_root / 'configs' / 'ablations').glob('nwucla_*.py')
    assert sorted(placed) == sorted(path.stem[7:] for path in there)
    command = tool['ablations_command']()
    for row in placed:
        assert f'{row}=work_dirs/ablations/nwucla_{row}_{{seed}}' in command


def test_without_a_table_a_section_says_so(docs, tool):
    page = tool['ablations_page'](docs.root)
    assert page.count('*Not run yet.*') == len(tool['SECTIONS']) + 2
    assert tool['baselines_command']() in page


def test_the_cost_of_labels_is_the_benchmarks(docs, tool):
    path = docs.root / 'performance' / 'refresh.json'
    content = json.loads(path.read_text())
    for row in content['tables'][1]['rows']:
        if row['labels'] == 'k-means, 32 clusters':
            row['ms']['median'], row['times DeepRank'] = 1234.5, 7.8
    path.write_text(json.dumps(content))
    text = section(
        tool['ablations_page'](docs.root), 'DeepRank and DeepCluster'
    )
    assert text.count('| k-means, 32 clusters | 1234.5 | 7.8 |') == 1


def test_rows_go_to_their_sections(docs, tool):
    content = table(
        'small',
        ['random', 'DeepRank', 'MV-DeepRank', 'nwucla_norm_l1', 'views_all'],
    )
    root = docs('ablation_x', content)
    page = tool['ablations_page'](root)
    norm, views = (
        section(page, title)
        for title in ('Normalisation before distances', 'Views')
    )
    for row in ('random', 'DeepRank', 'norm_l1'):
        assert f'| {row} | 50.0 |' in norm
    assert 'MV-DeepRank |' not in norm and 'views_all' not in norm
    for row in ('random', 'MV-DeepRank', 'views_all'):
        assert f'| {row} | 50.0 |' in views
    assert '| DeepRank |' not in views and 'norm_l1' not in views
    assert '*Not run yet.*' in section(page, 'Heads')
    # how it was made, once
    assert page.count(content['command']) == 1


def test_baselines_are_shown_whole(docs, tool):
    root = docs('baselines_x', table('clusters', ['DeepRank', 'n = 8']))
    docs('baselines_digits', table('pictures', ['DeepRank', 'n = 16']))
    page = tool['ablations_page'](root)
    clusters = section(page, 'DeepRank and DeepCluster')
    assert '| n = 8 | 50.0 |' in clusters and 'n = 16 | 50.0' not in clusters
    assert '| n = 16 | 50.0 |' in section(page, 'Images')


@pytest.mark.parametrize(
    'title, cell',
    [
        ('Normalisation before distances', 'L2 | 89.5 | 89.0 | 88.5 | 92.3'),
        ('Heads', 'MLP | 88.2 | 89.2 | 88.1 | 92.0'),
        ('Views', 'self + other + all | 47.7 | 40.0 | 47.2 | 55.6'),
        ('DeepRank and DeepCluster', 'n = 128) | 88.9 | 89.0 | 88.1 | 90.8'),
        ('Images', 'DeepCluster (n = 16) | 65.4'),
    ],
)
def test_the_papers_figures_are_marked_as_such(docs, tool, title, cell):
    paper = section(tool['ablations_page'](docs.root), title).split(
        '**The paper** ('
    )[1]
    assert 'not measured here' in paper and cell in paper
