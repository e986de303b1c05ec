"""Convert the NW-UCLA skeletons to MMAction2's annotation format.

The input is the folder of ``aXX_sXX_eXX_vXX.json`` files (action, subject,
episode, view) in which the data set is passed around for skeleton action
recognition: Kinect v1, 20 joints in metres, joint order ``kinect20`` of
``deeprank_mm.datasets.layouts``.

The split is the one of the field, cross-view: views 1 and 2 train
(xview_train, 1,020 samples), view 3 tests (xview_val, 464).
"""

import json
import sys
from pathlib import Path
from re import Match
from typing import Any

import numpy as np

from deeprank_mm.datasets.conversion import Conversion, main, make_annotation

# 7 and 10 were never recorded; classes are numbered in this order from 0.
ACTIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)
TRAIN_VIEWS = (1, 2)
NUM_VIEWS = 3


def read(path: Path, match: Match) -> dict[str, Any]:
    """Read one sequence.

    Args:
        path (Path): The json file: ``file_name``, ``label`` (1 to 10) and
            ``skeletons`` (T, 20, 3).
        match (re.Match): Action, subject, episode and view of its name.

    Returns:
        dict: The annotation, with ``subject`` and ``view``.

    Raises:
        ValueError: The content is malformed or contradicts the name.
    """
    action, subject, _, view = map(int, match.groups())
    if action not in ACTIONS:
        raise ValueError(f'unknown action {action}, known are {ACTIONS}')
    if not 1 <= view <= NUM_VIEWS:
        raise ValueError(f'unknown view {view}, known are 1 to {NUM_VIEWS}')
    content = json.loads(path.read_text())
    if not isinstance(content, dict) or 'skeletons' not in content:
        raise ValueError("no 'skeletons' in it")
    label = ACTIONS.index(action)
    # The two redundant fields are the only protection against a file that
    # was renamed or mixed up.
    if content.get('file_name', path.stem) != path.stem:
        raise ValueError(f"its 'file_name' is {content['file_name']!r}")
    if content.get('label', label + 1) != label + 1:
        raise ValueError(
            f"its 'label' is {content['label']!r}, action "
            f'{action} should have {label + 1}'
        )
    return make_annotation(
        path.stem,
        label,
        np.array(content['skeletons'], dtype=np.float64),
        num_joints=20,
        subject=subject,
        view=view,
    )


def split_of(annotation: dict[str, Any]) -> str:
    """Name the cross-view split an annotation belongs to."""
    train = annotation['view'] in TRAIN_VIEWS
    return 'xview_train' if train else 'xview_val'


NW_UCLA = Conversion(
    name='NW-UCLA',
    suffix='.json',
    pattern=r'a(\d+)_s(\d+)_e(\d+)_v(\d+)',
    example='a01_s01_e00_v01.json',
    read=read,
    split_of=split_of,
    counts=dict(xview_train=1020, xview_val=464),
)

if __name__ == '__main__':
    sys.exit(main(NW_UCLA, __doc__))
