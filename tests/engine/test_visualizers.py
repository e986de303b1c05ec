"""Curves where people look at them: one line of a config."""

import json

import pytest

from tests import toy


def run(folder, backends):
    cfg = toy.pretrain_config(folder, epochs=2)
    cfg.visualizer.vis_backends = [dict(type=name) for name in backends]
    toy.build_runner(cfg).train()
    return folder / 'work'


def test_tensorboard_shows_what_the_log_holds(tmp_path):
    pytest.importorskip('tensorboard', reason='tensorboard is not installed')
    from tensorboard.backend.event_processing.event_file_loader import (
        EventFileLoader,
    )

    work = run(tmp_path, ['LocalVisBackend', 'TensorboardVisBackend'])
    seen = {}
    for path in work.rglob('events.out.tfevents.*'):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                number = value.tensor.float_val
                if number:
                    seen[value.tag, event.step] = number[0]
    (log,) = work.rglob('scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    losses = {r['step']: r['loss'] for r in rows if 'loss' in r}
    assert len(losses) > 2
    for step, loss in losses.items():
        assert seen['loss', step] == pytest.approx(loss, rel=1e-5)
    # of the held-out part, once an epoch
    assert {('ranking/loss', 1), ('ranking/loss', 2)} <= set(seen)
