"""Tables that were made at different times, as one."""

import json
import runpy

import pytest

from deeprank_mm.protocols.table import Entry


@pytest.fixture
def main(repo_root):
    path = repo_root / 'tools' / 'analysis' / 'join_tables.py'
    return runpy.run_path(str(path))['main']


def table(path, revision, rows):
    entries = [
        Entry(name, 'joint', protocol, accuracy, seconds=60.0)
        for protocol in ('knn@20', 'linear')
        for name, accuracy in rows.items()
    ]
    content = dict(
        title=path.stem,
        command='python tools/benchmark.py ...',
        finished=1,
        cells=1,
        revision=revision,
        versions=dict(torch='2.13.0', threads='1'),
        entries=[entry.as_dict() for entry in entries],
    )
    path.write_text(json.dumps(content))
    return str(path)


@pytest.fixture
def tables(tmp_path):
    random = {0: 0.25, 1: 0.5, 2: 0.25}
    return [
        table(tmp_path / 'a.json', 'one', {'random': random, 'old': random}),
        table(
            tmp_path / 'b.json',
            'two',
            {'random': {1: 0.5, 3: 0.125}, 'new': {0: 0.5, 1: 0.75, 3: 0.25}},
        ),
    ]


def test_rows_meet_over_their_common_seeds(main, tables, tmp_path, capsys):
    out = tmp_path / 'c.json'
    main(
        [
            *(*tables, '--rows', 'random', 'old', 'new'),
            *('--baseline', 'new', '--title', 'All', '--out', str(out)),
        ]
    )
    content = json.loads(out.read_text())
    found = {(e['row'], e['protocol']): e for e in content['entries']}
    assert list(found) == [
        (row, protocol)
        for row in ('random', 'old', 'new')
        for protocol in ('knn@20', 'linear')
    ]
    random = found['random', 'linear']
    assert random['accuracy'] == {'0': 0.25, '1': 0.5, '2': 0.25, '3': 0.125}
    # seeds 0, 1 and 3 against 0 and 1
    assert random['difference'] == pytest.approx(-0.625 / 3)
    assert found['old', 'linear']['difference'] == pytest.approx(-0.25)
    assert found['new', 'linear']['difference'] is None
    assert content['finished'] == content['cells'] == 20
    assert content['revision'] == 'one and two'
    assert content['versions'] == dict(torch='2.13.0', threads='1')
    assert content['command'].startswith('python tools/analysis/join_tables')
    assert '| old | 33.3' in capsys.readouterr().out


def test_some_rows_are_compared_with_the_first(main, tables, tmp_path):
    out = tmp_path / 'c.json'
    rows = ['--rows', 'old', 'random', '--title', 'x', '--out', str(out)]
    main([*tables, *rows, '--modalities', 'joint'])
    entries = json.loads(out.read_text())['entries']
    assert {e['row'] for e in entries} == {'old', 'random'}
    assert [e['difference'] for e in entries if e['row'] == 'random'] == [0, 0]


def test_some_protocols_in_the_order_asked(main, tables, tmp_path):
    out = tmp_path / 'c.json'
    to = ['--title', 'x', '--out', str(out)]
    for asked in (['linear'], ['linear', 'knn@20']):
        main([*tables, '--rows', 'new', *to, '--protocols', *asked])
        entries = json.loads(out.read_text())['entries']
        assert [e['protocol'] for e in entries] == asked


@pytest.mark.parametrize(
    'change, message',
    [
        (
            ['--protocols', 'knn'],
            "No table has a protocol 'knn'; there are knn@20, linear",
        ),
        (
            ['--modalities', 'bone'],
            "No table has a modality 'bone'; there are joint",
        ),
        (
            ['--rows', 'older'],
            "No table has a row 'older'; there are new, old",
        ),
        (['--baseline', 'older'], "No table has a row 'older'"),
    ],
)
def test_what_is_not_there(main, tables, tmp_path, change, message, capsys):
    with pytest.raises(SystemExit):
        main([*tables, *change, '--title', 'x', '--out', str(tmp_path / 'c')])
    assert message in capsys.readouterr().err


def test_tables_that_do_not_agree(main, tables, tmp_path, capsys):
    other = table(tmp_path / 'd.json', 'one', {'random': {1: 0.75}})
    with pytest.raises(SystemExit):
        main([tables[0], other, '--title', 'x', '--out', str(tmp_path / 'c')])
    message = capsys.readouterr().err.replace('\n', ' ')
    assert "'random' has 0.5000 and 0.7500 for seed 1" in message


def test_a_table_that_is_not_there(main, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path / 'x.json'), '--title', 'x', '--out', 'c.json'])
    assert 'There is no table' in capsys.readouterr().err


def test_one_row_of_a_table(main, tables, tmp_path, capsys):
    """Its other rows may be of other encoders."""
    other = table(tmp_path / 'd.json', 'three', {'random': {0: 0.75}})
    out = tmp_path / 'c.json'
    to = ['--title', 'x', '--out', str(out)]
    main([f'{tables[1]}:new', other, *to])
    content = json.loads(out.read_text())
    found = {e['row']: e['accuracy'] for e in content['entries']}
    assert found == {
        'new': {'0': 0.5, '1': 0.75, '3': 0.25},
        'random': {'0': 0.75},
    }
    with pytest.raises(SystemExit):
        main([f'{tables[1]}:old', *to])
    said = capsys.readouterr().err
    assert "b.json has no row 'old'; there are new, random" in said
