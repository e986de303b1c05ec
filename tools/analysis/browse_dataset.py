r"""See sequences of a config as recorded and as the encoder gets them.

For each sample one picture: the recording, and what one pass through the
pipeline (augmentation included) makes of it: the joints, the bones (put
together again around the root, which has no position) and the motion (where
each joint moves next, lengthened). Of several clips it is the first.

  python tools/analysis/browse_dataset.py \
      configs/deeprank/stgcn_nwucla_xview.py --samples 4 --out browse
"""

from __future__ import annotations

import argparse
import copy
import difflib
import re
from pathlib import Path
from typing import Sequence

import numpy as np
from mmaction.registry import DATASETS
from mmengine.config import DictAction
from mmengine.registry import init_default_scope

import deeprank_mm  # noqa: F401  (registers the components)
from deeprank_mm.datasets import with_pipeline
from deeprank_mm.datasets.transforms.modalities import joint_parents
from deeprank_mm.nested import dicts_in
from deeprank_mm.randomness import keyed_randomness
from deeprank_mm.structures import sample_id_of
from deeprank_mm.utils.options import read_config
from deeprank_mm.utils.usage import UsageError
from deeprank_mm.visualization import (
    UPWARD,
    Clip,
    as_recorded,
    draw_strips,
    find_layout,
    save_picture,
    steps_of,
)
from deeprank_mm.visualization.bodies import skeleton_of

# The step that makes modalities, its option, and what to ask for.
_MAKERS = {
    'GenerateModalities': ('modalities', ['joint', 'bone', 'motion']),
    'GenSkeFeat': ('feats', ['j', 'b', 'jm']),
}
# Motion from frame to frame is short: the faster joints' becomes this share
# of the body's size.
_MOTION_LENGTH = 0.2


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--split',
        choices=('train', 'val', 'test'),
        default='train',
        help='which dataloader of the config, so that train shows the '
        'augmentation (default: train)',
    )
    parser.add_argument(
        '--samples',
        nargs='+',
        default=['4'],
        metavar='N or ID',
        help='how many, evenly spaced over the split, or which ids '
        '(default: 4)',
    )
    parser.add_argument(
        '--out', required=True, metavar='DIR', help='folder of the pictures'
    )
    parser.add_argument(
        '--frames', type=int, default=8, help='frames a strip (default: 8)'
    )
    parser.add_argument(
        '--up',
        choices=tuple(UPWARD),
        default='y',
        help='axis of 3D skeletons that points up (default: y, as Kinect)',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of the augmentation (default: 0)'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config, as key=value',
    )
    return parser


def with_all_modalities(pipeline: Sequence[dict]) -> list[dict]:
    """A copy of a pipeline that makes joint, bone and motion at once.

    Args:
        pipeline: The steps.

    Returns:
        The steps, so that one random pass gives all three modalities.

    Raises:
        UsageError: No step makes modalities.
    """
    pipeline = copy.deepcopy(list(pipeline))
    for step in dicts_in(pipeline):
        kind = str(step.get('type')).rpartition('.')[2]
        if kind in _MAKERS:
            option, value = _MAKERS[kind]
            step[option] = value
            return pipeline
    raise UsageError(
        'no step of the pipeline makes modalities: it needs one of '
        f'{", ".join(_MAKERS)}.'
    )


def choose(samples: Sequence[str], ids: Sequence[str]) -> list[int]:
    """Positions of the samples to draw.

    Args:
        samples: The option's values: ids, or one number.
        ids: Of the data set.

    Returns:
        The positions.

    Raises:
        UsageError: There is no such sample.
    """
    row = {name: i for i, name in enumerate(ids)}
    if len(samples) == 1 and samples[0].isdigit() and samples[0] not in row:
        count = min(int(samples[0]), len(ids))
        return np.linspace(0, len(ids) - 1, count).round().astype(int).tolist()
    for name in samples:
        if name not in row:
            close = difflib.get_close_matches(name, ids, n=3) or ids[:3]
            raise UsageError(
                f'--samples {name}: no such sample among {len(ids)}; there '
                f'are {", ".join(close)}.'
            )
    return [row[name] for name in samples]


def rebuild(bones: np.ndarray, parents: Sequence[int]) -> np.ndarray:
    """Joints from bones, with the root at the origin.

    Args:
        bones: ``(M, T, V, C)``, each joint minus its parent.
        parents: Of each joint; the root is its own.

    Returns:
        ``(M, T, V, C)``.
    """
    joints = np.zeros_like(bones)
    for joint in range(len(parents)):
        here = joint
        while parents[here] != here:
            joints[:, :, joint] += bones[:, :, here]
            here = parents[here]
    return joints


def clips_of(annotation: dict, inputs: np.ndarray, layout: object) -> list:
    """The rows of one sample's picture.

    Args:
        annotation: The recording.
        inputs: ``(M, T, V, C x 3)``, what the pipeline made of it.
        layout: The joint layout.

    Returns:
        Its clips: recorded, joint, bone, motion.
    """
    keypoint = annotation['keypoint']
    joint, bone, motion = np.split(np.asarray(inputs, float), 3, axis=-1)
    dims = 2 if skeleton_of(layout).scored else min(keypoint.shape[-1], 3)
    joint, bone, motion = (part[..., :dims] for part in (joint, bone, motion))
    bone = rebuild(bone, joint_parents(layout))
    longest = np.quantile(np.linalg.norm(motion, axis=-1), 0.95)
    body_size = np.ptp(joint, axis=2).max()
    factor = _MOTION_LENGTH * body_size / longest if longest else 1
    factor = max(1, round(factor))
    frames = f'{keypoint.shape[1]} frames'
    made = f'{joint.shape[1]} frames'
    return [
        Clip(keypoint, 'recorded', frames),
        Clip(joint, 'joint', made, zero_is_missing=False),
        Clip(bone, 'bone', made, zero_is_missing=False),
        Clip(
            joint,
            'motion',
            f'{made}\n{factor} times its length',
            vectors=motion * factor,
            zero_is_missing=False,
        ),
    ]


def run(args: argparse.Namespace) -> None:
    """Draw the samples.

    Args:
        args: The parsed options.

    Raises:
        UsageError: An option cannot be followed.
    """
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    loader = cfg.get(f'{args.split}_dataloader')
    if loader is None:
        raise UsageError(f'the config has no {args.split}_dataloader.')
    try:
        pipeline = steps_of(loader.dataset)
    except ValueError as error:
        raise UsageError(str(error)) from error
    changed = with_all_modalities(pipeline)
    layout = find_layout(pipeline)
    built = DATASETS.build(loader.dataset)
    made = with_pipeline(built, changed)
    recorded = as_recorded(built, pipeline)
    ids = [sample_id_of(recorded[i]) for i in range(len(recorded))]
    out = Path(args.out)
    for i in choose(args.samples, ids):
        with keyed_randomness(args.seed, ids[i]):
            inputs = made[i]['inputs'][0].numpy()
        label = recorded[i].get('label')
        figure = draw_strips(
            clips_of(recorded[i], inputs, layout),
            layout,
            args.frames,
            up=args.up,
            same_scale=False,
            heading=ids[i] + ('' if label is None else f'   class {label}'),
        )
        # Ids may be paths.
        name = re.sub(r'[^-.\w]', '_', ids[i])
        path = out / f'{name}.png'
        save_picture(figure, path)
        print(path)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    try:
        run(args)
    except UsageError as error:
        command.error(str(error))


if __name__ == '__main__':
    main()
