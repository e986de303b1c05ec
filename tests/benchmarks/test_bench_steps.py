"""The benchmarks of training steps run, and say what they promise."""

import importlib
import json

import pytest

QUICK = ['--repeats', '1', '--small-batch', '4']


@pytest.mark.parametrize(
    'name, argv, targets, rows',
    [
        ('bench_step', ['--repeats', '1', '--batch', '4'], 1, 2),
        ('bench_iteration', [*QUICK, '--size', 'small'], 1, 1),
        ('bench_contrast', [*QUICK, '--size', 'small', '--queue', '64'], 0, 1),
    ],
)
def test_a_benchmark_of_steps(name, argv, targets, rows, tmp_path, capsys):
    path = tmp_path / 'out.json'
    importlib.import_module(name).main([*argv, '--json', str(path)])
    content = json.loads(path.read_text())
    assert len(content['targets']) == targets
    assert all(target['met'] is not None for target in content['targets'])
    (table,) = content['tables']
    assert len(table['rows']) == rows
    for row in table['rows']:
        spreads = [cell for cell in row.values() if isinstance(cell, dict)]
        assert spreads
        for cell in spreads:
            assert 0 < cell['min'] <= cell['median'] <= cell['max']
    said = capsys.readouterr().out
    assert said.count('target: ') == targets


def test_the_queue_of_contrast_is_counted(tmp_path):
    steps = importlib.import_module('steps')
    bench = importlib.import_module('bench_contrast')
    size = steps.SIZES['small']._replace(batch=4)
    state = [
        bench.state_mb(
            steps.Step('skeletonclr', size, clips=2, queue_size=queue)
        )
        for queue in (64, 64 + 2048)
    ]
    # keys of 128 float32 numbers
    assert state[1] - state[0] == pytest.approx(1.0)


def test_a_batch_that_would_be_skipped_is_not_measured():
    bench = importlib.import_module('bench_iteration')
    with pytest.raises(ValueError, match='no triplet'):
        bench.main(['--repeats', '1', '--size', 'small', '--small-batch', '2'])
