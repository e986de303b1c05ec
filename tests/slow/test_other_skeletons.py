"""The recipe, untouched, on sets that it was not found on.

Made of UTD-MHAD's training people: fewer joints, other classes, two people at
once. Trained on three persons, tested on a fourth. The figures of
docs/recipe.md are what this prints:

  python -m pytest -m slow -s tests/slow/test_other_skeletons.py
"""

import os
import pickle
import re
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest

from deeprank_mm.datasets import load_annotations
from tests.own_project import copy_configs

pytestmark = pytest.mark.slow

PEOPLE, NEW = (1, 3, 5), 7
# without hands, feet and the middle of the hips
KEPT = (0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18)
LAYOUT = dict(
    num_node=15,
    inward=[(0, 1), (2, 1), (3, 1), (4, 3), (5, 4), (6, 1), (7, 6), (8, 7)]
    + [(9, 2), (10, 9), (11, 10), (12, 2), (13, 12), (14, 13)],
    center=1,
)
MM = 1000


@pytest.fixture(scope='module')
def recordings(utd_mhad_file):
    """Sequences ``(T, 15, 3)`` in millimetres, by action and person."""
    found = defaultdict(list)
    for item in load_annotations(utd_mhad_file)['annotations']:
        keypoint = MM * item['keypoint'][0][:, KEPT]
        found[item['label'], item['subject']].append(keypoint)
    return found


def one_person(recordings):
    """Twenty actions, of one person each."""
    for label in range(20):
        for person in (*PEOPLE, NEW):
            for keypoint in recordings[label, person]:
                yield label, person, keypoint[None]


def two_people(recordings):
    """Nine pairs of six actions, face to face, in either order."""
    actions = (1, 3, 6, 14, 20, 25)
    pairs = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5)]
    pairs += [(0, 3), (1, 4), (2, 5)]
    known = [(one, two) for one in PEOPLE for two in PEOPLE if one != two]
    rng = np.random.default_rng(0)

    def draw(action, person):
        takes = recordings[actions[action], person]
        return takes[rng.integers(len(takes))]

    for label, (action, other) in enumerate(pairs):
        for one, two in 4 * known + 12 * [(NEW, NEW)]:
            first, second = draw(action, one), draw(other, two)
            length = min(len(first), len(second))
            spine = second[0, 2]
            second = (second - spine) * (-1, 1, -1) + spine + (MM, 0, MM / 3)
            both = np.stack([first[:length], second[:length]])
            yield label, one, both[:: rng.choice([1, -1])]


@pytest.mark.parametrize('make', [one_person, two_people])
def test_it_learns_what_an_untrained_encoder_does_not_know(
    recordings, repo_root, tmp_path, make
):
    items = [
        dict(
            frame_dir=f'{i}',
            label=label,
            subject=person,
            total_frames=keypoint.shape[1],
            keypoint=keypoint.astype(np.float32),
        )
        for i, (label, person, keypoint) in enumerate(make(recordings))
    ]
    split = dict(train=[], val=[])
    for item in items:
        part = 'val' if item['subject'] == NEW else 'train'
        split[part].append(item['frame_dir'])
    split['labelled'] = split['train']
    file = tmp_path / 'own.pkl'
    file.write_bytes(pickle.dumps(dict(split=split, annotations=items)))
    configs = copy_configs(
        repo_root,
        tmp_path,
        layout=LAYOUT,
        num_person=len(items[0]['keypoint']),
        ann_file=str(file),
    )

    def tool(name, *arguments):
        done = subprocess.run(
            [
                sys.executable,
                repo_root / f'tools/{name}.py',
                configs / 'recipe/stgcn_own.py',
                *arguments,
            ],
            cwd=tmp_path,
            env={**os.environ, 'PYTHONPATH': str(repo_root)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found = re.findall(r' (\w+_joint): ([\d.]+)', done.stdout)
        return {name: float(value) for name, value in found}

    tool('train', '--amp', '--seed', '0')
    trained = tool('test', 'work_dirs/recipe/stgcn_own')
    untrained = tool(
        'test', '--random-init', 'calibrated', '--work-dir', 'work_dirs/random'
    )
    counts = {name: len(ids) for name, ids in split.items()}
    print(f'\n{make.__name__}, {counts}')
    for which, figures in (('untrained', untrained), ('recipe', trained)):
        line = ', '.join(f'{k} {100 * v:.1f}' for k, v in figures.items())
        print(f'{which}: {line}')
    for figure in ('knn1_joint', 'knn20_joint', 'linear_joint'):
        assert trained[figure] > untrained[figure] + 0.1
