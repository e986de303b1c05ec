"""The benchmark of reading data runs, and compares equal work."""

import importlib
import json

import torch


def test_it_says_what_it_promises(tmp_path, capsys):
    path = tmp_path / 'out.json'
    threads = torch.get_num_threads()
    try:
        importlib.import_module('bench_data').main(
            ['--repeats', '1', '--samples', '4', '--json', str(path)]
        )
    finally:
        torch.set_num_threads(threads)
    content = json.loads(path.read_text())
    assert all(target['met'] is not None for target in content['targets'])
    (table,) = content['tables']
    assert len(table['rows']) == 6
    for row in table['rows']:
        assert 0 < row['ms']['min'] <= row['ms']['max']
    assert capsys.readouterr().out.count('target: ') == 2


def test_cached_and_plain_give_the_same(tmp_path):
    compared = importlib.import_module('bench_data').data_sets(tmp_path, 4)
    pairs = 0
    for name, cached in compared.items():
        plain = compared.get(name.replace(', cached', ''))
        if plain is cached or plain is None:
            continue
        pairs += 1
        for i in range(4):
            torch.testing.assert_close(
                cached[i]['inputs'], plain[i]['inputs'], rtol=0, atol=0
            )
    assert pairs == 2
