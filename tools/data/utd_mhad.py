"""Convert the UTD-MHAD skeletons to MMAction2's annotation format.

The input is the data set's folder ``Skeleton`` of
``aA_sS_tT_skeleton.mat`` files (action, subject, trial): Kinect v1, 20
joints in metres. The joint order of the files is kept; it is ``utd_mhad`` of
``deeprank_mm.datasets.layouts``.

The split is the one of the data set's paper, cross-subject: odd subjects
train (xsub_train, 431 samples), even ones test (xsub_val, 430).
"""

import sys
from pathlib import Path
from re import Match
from typing import Any

import numpy as np
from scipy.io import loadmat

from deeprank_mm.datasets.conversion import Conversion, main, make_annotation

NUM_ACTIONS = 27
NUM_SUBJECTS = 8


def read(path: Path, match: Match) -> dict[str, Any]:
    """Read one sequence.

    Args:
        path (Path): The mat file, with ``d_skel`` (20, 3, T).
        match (re.Match): Action, subject and trial of its name.

    Returns:
        dict: The annotation, with ``subject``.

    Raises:
        ValueError: The content is malformed or the name out of range.
    """
    action, subject, _ = map(int, match.groups())
    if not 1 <= action <= NUM_ACTIONS:
        raise ValueError(
            f'unknown action {action}, known are 1 to {NUM_ACTIONS}'
        )
    if not 1 <= subject <= NUM_SUBJECTS:
        raise ValueError(
            f'unknown subject {subject}, known are 1 to {NUM_SUBJECTS}'
        )
    skeleton = _load(path)
    # MATLAB drops a trailing dimension of 1.
    if skeleton.ndim == 2:
        skeleton = skeleton[..., None]
    if skeleton.ndim != 3:
        raise ValueError(
            f"its 'd_skel' has shape {skeleton.shape}, expected "
            '(20, 3, frames)'
        )
    return make_annotation(
        path.stem,
        action - 1,
        np.moveaxis(skeleton, -1, 0),
        num_joints=20,
        subject=subject,
    )


def _load(path: Path) -> np.ndarray:
    """The ``d_skel`` of a mat file; whatever is wrong is a ValueError."""
    try:
        content = loadmat(path, variable_names=['d_skel'])
    except Exception as error:  # scipy's reader raises many types
        raise ValueError(f'not a readable .mat file ({error})') from error
    if 'd_skel' not in content:
        raise ValueError("no 'd_skel' in it")
    return content['d_skel']


def split_of(annotation: dict[str, Any]) -> str:
    """Name the cross-subject split an annotation belongs to."""
    return 'xsub_train' if annotation['subject'] % 2 else 'xsub_val'


UTD_MHAD = Conversion(
    name='UTD-MHAD',
    suffix='.mat',
    pattern=r'a(\d+)_s(\d+)_t(\d+)_skeleton',
    example='a1_s1_t1_skeleton.mat',
    read=read,
    split_of=split_of,
    counts=dict(xsub_train=431, xsub_val=430),
)

if __name__ == '__main__':
    sys.exit(main(UTD_MHAD, __doc__))
