import json

import pytest

from deeprank_mm.utils.run_log import read_run
from deeprank_mm.utils.usage import UsageError


def write(folder, name, *lines):
    path = folder / name / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    return path


def train(epoch, iteration, loss):
    return dict(
        lr=0.1,
        loss=loss,
        loss_x=loss,
        epoch=epoch,
        iter=iteration,
        step=iteration,
    )


def test_times_are_epochs_and_the_later_write_counts(tmp_path):
    path = write(
        tmp_path,
        '1',
        {'cycle/seconds': 3.0, 'cycle/flip': 0.2, 'step': 0},
        train(1, 5, 0.9),
        train(1, 10, 0.8),
        {'ranking/loss': 0.7, 'time': 1.0, 'step': 1},
        {'cycle/seconds': 4.0, 'step': 10},
        train(2, 20, 0.5),
    )
    with path.open('a') as file:
        file.write('{"loss": 0.1, "st')  # killed here
    write(tmp_path, '2', train(2, 20, 0.6), train(3, 30, 0.4))
    log = read_run(str(tmp_path))
    assert log.unit == 'epoch'
    assert log.train == dict.fromkeys(
        ('loss', 'loss_x'), {0.5: 0.9, 1.0: 0.8, 2.0: 0.6, 3.0: 0.4}
    )
    assert log.val == {'ranking/loss': {1: 0.7}}
    assert log.cycles['flip'] == {0: 0.2}
    assert log.refreshes == [0, 1]


def test_iteration_based_runs(tmp_path):
    write(tmp_path, '1', dict(loss=1.0, iter=7, step=7))
    log = read_run(str(tmp_path))
    assert (log.unit, log.train['loss']) == ('iteration', {7: 1.0})


def test_no_log(tmp_path):
    with pytest.raises(UsageError, match='no log of a training run'):
        read_run(str(tmp_path))
