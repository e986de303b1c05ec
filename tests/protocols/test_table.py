import csv
import io
import json

import numpy as np
import pytest
from scipy import stats

from deeprank_mm.protocols.table import (
    Entry,
    as_csv,
    compare,
    entries_of,
    markdown,
    paired_difference,
)


def test_paired_difference_is_scipys_paired_t_interval():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 5))
    expected = stats.ttest_rel(first, second).confidence_interval(0.95)
    values = dict(enumerate(first.tolist()))
    # another order, and a seed that the baseline does not have
    baseline = dict(reversed(list(enumerate(second.tolist()))))
    centre, low, high = paired_difference({**values, 9: 4.0}, baseline)
    assert centre == pytest.approx((first - second).mean())
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_without_two_pairs_there_is_no_interval():
    assert paired_difference({0: 0.5}, {0: 0.25}) == (0.25, None, None)
    assert paired_difference({0: 0.5}, {1: 0.25}) is None


def entries():
    return compare(
        [
            Entry('random', 'joint', 'knn@20', {0: 0.5, 1: 0.4}),
            Entry('scratch', 'joint', 'semi@0.1', {0: 0.6, 1: 0.7}),
            Entry('ours', 'joint', 'knn@20', {0: 0.6, 1: 0.6}, seconds=3),
            Entry(
                'ours', 'joint', 'semi@0.1', {0: 0.7, 1: 0.7}, {0: 0.8, 1: 0.7}
            ),
        ],
        ['random', 'scratch'],
    )


def test_each_protocol_is_compared_with_its_own_untrained_encoder():
    found = {(e.row, e.protocol): e.difference for e in entries()}
    assert found['ours', 'knn@20'][0] == pytest.approx(0.15)
    assert found['ours', 'semi@0.1'][0] == pytest.approx(0.05)
    assert found['random', 'knn@20'] is None
    assert found['scratch', 'semi@0.1'] is None


def test_markdown_says_last_and_best_and_leaves_empty_what_is_not_there():
    lines = markdown(entries()).splitlines()
    assert lines[0] == '| joint | kNN-20 | semi, 10 % of labels |'
    assert lines[2] == '| random | 45.0 ± 7.1 |  |'
    ours = [part.strip() for part in lines[4].split('|')]
    assert ours[2].startswith('60.0 ± 0.0<br>+15.0 [')
    assert ours[3].startswith('70.0 ± 0.0 / 75.0<br>+5.0 [')


def test_csv_and_json_hold_the_same_numbers():
    rows = list(csv.DictReader(io.StringIO(as_csv(entries()))))
    assert [r['row'] for r in rows] == ['random', 'scratch', 'ours', 'ours']
    assert float(rows[2]['mean']) == pytest.approx(0.6)
    assert float(rows[2]['seconds']) == 3
    assert rows[0]['difference'] == ''
    content = json.loads(json.dumps([e.as_dict() for e in entries()]))
    assert content[2]['accuracy'] == {'0': 0.6, '1': 0.6}
    assert content[2]['low'] == pytest.approx(float(rows[2]['low']))


def test_minutes_of_pretraining_stand_beside_where_some_are_known():
    random, _, knn, semi = entries()
    knn.pretraining = {0: 60.0, 1: 120.0}
    semi.pretraining = {1: 120.0, 2: 240.0}
    lines = markdown([random, knn, semi]).splitlines()
    assert lines[0].endswith('| pretraining, min |')
    assert lines[2].endswith('|  |')
    assert lines[3].endswith('| 2.3 |')  # of seeds 0, 1, 2
    text = as_csv([random, knn])
    first, second = csv.DictReader(io.StringIO(text))
    assert first['pretraining'] == '' and float(second['pretraining']) == 90


def test_a_table_of_an_earlier_version_is_read():
    entry = entries()[2]
    old = entry.as_dict()
    del old['pretraining']
    assert entries_of(dict(entries=[old])) == [entry]
