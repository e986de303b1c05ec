"""Results of tools/test.py, put into a table."""

import json
import runpy

import pytest


@pytest.fixture
def main(repo_root):
    path = repo_root / 'tools' / 'analysis' / 'collect_tests.py'
    return runpy.run_path(str(path))['main']


def result(folder, time, **scores):
    path = folder / time / f'{time}.json'
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(dict(scores, data_time=0.1)))


def test_a_table_of_two_rows_and_seeds(main, tmp_path, capsys):
    for seed in (0, 1):
        for name, value in (('random', 0.5), ('ours', 0.75)):
            result(
                tmp_path / f'{name}_{seed}',
                '2026_1',
                knn20_image=value,
                linear_image=value + 0.125 * seed,
                **{'linear@0.1_image': 0.25, 'linear@0.1_std_image': 0.01},
            )
    # tested again: the later one counts
    result(tmp_path / 'ours_1', '2026_2', knn20_image=1.0, linear_image=0.5)
    out = tmp_path / 'table.json'
    main(
        [
            *('--row', f'random={tmp_path}/random_{{seed}}'),
            *('--row', f'ours={tmp_path}/ours_{{seed}}'),
            *('--seeds', '0-1', '--title', 'x', '--out', str(out)),
        ]
    )
    content = json.loads(out.read_text())
    entries = {
        (e['row'], e['protocol']): e
        for e in content['entries']
        if e['modality'] == 'image'
    }
    assert len(entries) == len(content['entries']) == 6
    ours = entries['ours', 'knn@20']
    assert ours['accuracy'] == {'0': 0.75, '1': 1.0}
    assert ours['difference'] == 0.375
    assert entries['ours', 'linear']['accuracy'] == {'0': 0.75, '1': 0.5}
    assert entries['ours', 'linear@0.1']['accuracy'] == {'0': 0.25}
    assert entries['random', 'linear']['difference'] is None
    assert content['finished'] == content['cells'] == 11
    assert '| ours | 87.5' in capsys.readouterr().out


@pytest.mark.parametrize(
    'row, message',
    [('ours=nowhere', 'nowhere holds no result'), ('ours', 'NAME=FOLDER')],
)
def test_rows_that_are_none(main, tmp_path, capsys, row, message):
    with pytest.raises(SystemExit):
        main(['--row', row, '--title', 'x', '--out', str(tmp_path / 'x.json')])
    assert message in capsys.readouterr().err
