from pathlib import Path

import pytest

from deeprank_mm.protocols.cells import (
    Result,
    Store,
    parse_protocols,
    parse_seeds,
    plan,
)
from deeprank_mm.protocols.sources import Source
from deeprank_mm.utils.usage import UsageError


def test_protocols_come_in_order_of_cost():
    asked = 'finetune,semi@0.1,semi@0.01,linear,knn,linear@0.1,linear'
    assert parse_protocols(asked) == [
        'knn@1',
        'knn@20',
        'linear@0.1',
        'linear',
        'semi@0.01',
        'semi@0.1',
        'finetune',
    ]


@pytest.mark.parametrize(
    'text', ['', 'svm', 'semi', 'semi@0', 'semi@10', 'knn@0', 'linear@x']
)
def test_unknown_protocols_are_refused(text):
    with pytest.raises(UsageError, match='--protocols'):
        parse_protocols(text)


def test_seeds():
    assert parse_seeds('0-2') == [0, 1, 2]
    assert parse_seeds('4,0-1,1') == [4, 0, 1]
    with pytest.raises(UsageError, match='like 0-4'):
        parse_seeds('all')


def test_the_plan_leaves_out_what_makes_no_sense(tmp_path):
    (tmp_path / 'x.pth').write_bytes(b'weights')
    sources = [Source.untrained('random'), Source.untrained('scratch')]
    sources.append(Source.parse(f'ours={tmp_path}/x.pth'))
    cells = plan(sources, ['knn@1', 'semi@0.1'], ['joint'], [0])
    assert [(c.source.kind, c.protocol) for c in cells] == [
        ('random', 'knn@1'),
        ('pretrained', 'knn@1'),
        ('scratch', 'semi@0.1'),
        ('pretrained', 'semi@0.1'),
    ]


def test_a_result_is_kept_until_what_it_depends_on_changes(tmp_path):
    checkpoint = tmp_path / 'a_0.pth'
    checkpoint.write_bytes(b'weights')
    source = Source.parse(f'ours={tmp_path}/a_{{seed}}.pth')
    (cell,) = plan([source], ['knn@1'], ['joint'], [0])
    store = Store(tmp_path / 'out', 'config')
    assert store.read(cell) is None
    store.write(cell, Result(0.5, None, 1.0))
    assert Store(tmp_path / 'out', 'config').read(cell).accuracy == 0.5
    assert Store(tmp_path / 'out', 'another config').read(cell) is None
    checkpoint.write_bytes(b'other weights')
    assert Store(tmp_path / 'out', 'config').read(cell) is None


def test_seeds_can_share_pretrained_encoders(tmp_path):
    for seed in range(3):
        (tmp_path / f'a_{seed}.pth').write_bytes(b'weights')
    source = Source.parse(f'ours={tmp_path}/a_{{seed%3}}.pth')
    found = [Path(source.checkpoint('joint', seed)).name for seed in range(5)]
    assert found == ['a_0.pth', 'a_1.pth', 'a_2.pth', 'a_0.pth', 'a_1.pth']
    with pytest.raises(UsageError, match='%0'):
        Source.parse(f'ours={tmp_path}/a_{{seed%0}}.pth').checkpoint(
            'joint', 0
        )


def test_a_missing_checkpoint_is_named():
    source = Source.parse('ours=nowhere_{seed}')
    with pytest.raises(UsageError, match='nowhere_3'):
        plan([source], ['knn@1'], ['joint'], [3])
