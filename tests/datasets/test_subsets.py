"""Parts of a data set depend on ids and seed, and on nothing else."""

import os
import subprocess
import sys

import numpy as np
import pytest

from deeprank_mm.datasets.subsets import holdout_split, labelled_subset

IDS = [f'sample{i:02d}' for i in range(20)]
LABELS = [i % 2 for i in range(20)]
SUBJECTS = [i % 5 for i in range(20)]


def names(positions, ids=IDS):
    return sorted(ids[i] for i in np.asarray(positions))


def test_labelled_subset_is_this_one():
    # Hard-coded: a change would silently change published subsets.
    assert names(labelled_subset(IDS, LABELS, 0.2, seed=0)) == [
        'sample00',
        'sample15',
        'sample18',
        'sample19',
    ]
    assert names(labelled_subset(IDS, LABELS, 0.2, seed=1)) == [
        'sample00',
        'sample01',
        'sample04',
        'sample13',
    ]


def test_holdout_is_this_one():
    mask = holdout_split(IDS, SUBJECTS, 0.4, seed=0)
    assert sorted({SUBJECTS[i] for i in np.flatnonzero(mask)}) == [1, 4]
    mask = holdout_split(IDS, None, 0.2, seed=0)
    assert names(np.flatnonzero(mask)) == [
        'sample00',
        'sample02',
        'sample09',
        'sample13',
    ]


def test_another_process_agrees(repo_root):
    # The module alone needs no more than NumPy, and starts faster so.
    code = (
        'from subsets import labelled_subset as f;'
        f'print(f({IDS!r}, {LABELS!r}, .2, 0).tolist())'
    )
    out = subprocess.run(
        [sys.executable, '-c', code],
        cwd=repo_root / 'deeprank_mm' / 'datasets',
        env={**os.environ, 'PYTHONHASHSEED': '77'},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert out.strip() == str(labelled_subset(IDS, LABELS, 0.2, 0).tolist())


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_order_of_the_file_does_not_matter(seed):
    order = np.random.default_rng(seed).permutation(len(IDS))
    ids = [IDS[i] for i in order]
    labels = [LABELS[i] for i in order]
    subjects = [SUBJECTS[i] for i in order]
    chosen = labelled_subset(ids, labels, 0.3, seed)
    assert np.all(np.diff(chosen) > 0) and chosen.dtype == np.int64
    assert names(chosen, ids) == names(labelled_subset(IDS, LABELS, 0.3, seed))
    for groups, shuffled in ((SUBJECTS, subjects), (None, None)):
        mask = holdout_split(ids, shuffled, 0.4, seed)
        expected = holdout_split(IDS, groups, 0.4, seed)
        np.testing.assert_array_equal(mask, expected[order])
        assert mask.dtype == bool


def test_subsets_of_a_seed_are_nested():
    ids = [f'id{i}' for i in range(997)]
    labels = [(i * i) % 7 for i in range(997)]
    smaller = set()
    for fraction in (0.001, 0.01, 0.05, 0.1, 0.5, 1.0):
        larger = set(labelled_subset(ids, labels, fraction, 3).tolist())
        assert smaller <= larger
        smaller = larger
    assert smaller == set(range(997))


def test_every_class_has_its_share():
    labels = ['a'] * 100 + ['b'] * 30 + ['c']
    ids = [str(i) for i in range(len(labels))]
    chosen = labelled_subset(ids, labels, 0.1, 0)
    counts = [[labels[i] for i in chosen].count(c) for c in 'abc']
    assert counts == [10, 3, 1]


def test_seeds_differ():
    ids = [str(i) for i in range(200)]
    first = labelled_subset(ids, [0] * 200, 0.1, 0)
    assert first.tolist() != labelled_subset(ids, [0] * 200, 0.1, 1).tolist()


def test_labelled_samples_are_not_just_the_held_out_ones():
    ids = [str(i) for i in range(1000)]
    held_out = holdout_split(ids, None, 0.1, seed=0)
    labelled = labelled_subset(ids, [0] * 1000, 0.1, seed=0)
    assert held_out[labelled].mean() < 0.3


@pytest.mark.parametrize('fraction', [0.01, 0.2, 0.5, 0.99])
def test_groups_stay_whole_and_both_sides_have_some(fraction):
    mask = holdout_split(IDS, SUBJECTS, fraction, 0)
    held_out = {SUBJECTS[i] for i in np.flatnonzero(mask)}
    kept = {SUBJECTS[i] for i in np.flatnonzero(~mask)}
    assert held_out and kept and not held_out & kept
    assert len(held_out) == min(4, max(1, round(5 * fraction)))


def test_groups_are_told_apart_by_their_text():
    as_text = [str(s) for s in SUBJECTS]
    np.testing.assert_array_equal(
        holdout_split(IDS, SUBJECTS, 0.4, 0),
        holdout_split(IDS, as_text, 0.4, 0),
    )


@pytest.mark.parametrize('fraction', [0, -0.1, 1.1, float('nan')])
def test_fraction_out_of_range(fraction):
    with pytest.raises(ValueError, match='fraction'):
        labelled_subset(IDS, LABELS, fraction, 0)
    with pytest.raises(ValueError, match='fraction'):
        holdout_split(IDS, None, fraction, 0)


def test_malformed_arguments():
    with pytest.raises(ValueError, match='fraction'):
        holdout_split(IDS, None, 1, 0)
    with pytest.raises(ValueError, match='one group'):
        holdout_split(IDS, [7] * 20, 0.5, 0)
    with pytest.raises(ValueError, match='one sample'):
        holdout_split(['a'], None, 0.5, 0)
    with pytest.raises(ValueError, match="'a'"):
        holdout_split(['a', 'b', 'a'], None, 0.5, 0)
    with pytest.raises(ValueError, match='20 sample ids but 19'):
        holdout_split(IDS, SUBJECTS[1:], 0.5, 0)
    with pytest.raises(ValueError, match='20 sample ids but 19'):
        labelled_subset(IDS, LABELS[1:], 0.5, 0)
    with pytest.raises(ValueError, match='no samples'):
        labelled_subset([], [], 0.5, 0)
    for seed in (0.5, '0', None, True):
        with pytest.raises(TypeError, match='seed'):
            labelled_subset(IDS, LABELS, 0.5, seed)
