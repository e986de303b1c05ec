r"""What is done in this sequence? Print the top-5 and draw them.

With a finetuned checkpoint: its classes.

  python tools/demo_skeleton.py --input clip.npy --out top5.png \
      --checkpoint work_dirs/finetune/stgcn_nwucla_xview

With a pretrained one, which knows no classes: the most similar sequences of
its training data.

  python tools/demo_skeleton.py --input data/skeleton/nw_ucla.pkl \
      --sample a06_s03_e02_v03 --out nearest.gif \
      --checkpoint work_dirs/deeprank/stgcn_nwucla_xview

The input is an annotation of MMAction2 or a file of many (.pkl), a .skeleton
file of NTU RGB+D, or an array (M, T, V, C) or (T, V, C) in a .npy or .npz
file. The config is the one inside the checkpoint.
"""

from __future__ import annotations

import argparse
from typing import Sequence

from mmengine.config import DictAction

import deeprank_mm  # noqa: F401  (registers the components)
from deeprank_mm.apis import SkeletonInferencer
from deeprank_mm.utils import launch
from deeprank_mm.utils.usage import UsageError
from deeprank_mm.visualization import UPWARD


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--checkpoint',
        required=True,
        help='a checkpoint, or a work folder for its latest one',
    )
    parser.add_argument(
        '--config', help="a config (default: the checkpoint's own)"
    )
    parser.add_argument(
        '--input', required=True, metavar='FILE', help='the skeletons'
    )
    parser.add_argument(
        '--sample', metavar='ID', help='which one of a file of many'
    )
    parser.add_argument(
        '--out', metavar='FILE', help='picture to write, .png or .gif'
    )
    parser.add_argument(
        '--topk', type=int, default=5, help='answers (default: 5)'
    )
    parser.add_argument(
        '--class-names',
        metavar='FILE',
        help='names of the classes, one a line, from class 0',
    )
    parser.add_argument(
        '--modality',
        choices=launch.MODALITIES,
        help="whose encoder of a pretraining (default: the config's first)",
    )
    parser.add_argument(
        '--img-shape',
        nargs=2,
        type=int,
        metavar=('HEIGHT', 'WIDTH'),
        help='of the image, for 2D keypoints whose annotation does not say',
    )
    parser.add_argument(
        '--scores',
        action='store_true',
        help='the last channel of an array is a confidence, as for '
        'tools/data/keypoints.py',
    )
    parser.add_argument(
        '--up',
        choices=tuple(UPWARD),
        default='y',
        help='axis of 3D skeletons that points up (default: y, as Kinect)',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config, as key=value',
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Answer, print and draw.

    Args:
        args: The parsed options.

    Raises:
        UsageError: An option cannot be followed.
    """
    if args.out and not args.out.endswith(('.png', '.gif')):
        raise UsageError(f'--out {args.out}: must end in .png or .gif.')
    inferencer = SkeletonInferencer(
        args.config or args.checkpoint,
        args.checkpoint if args.config else None,
        modality=args.modality,
        class_names=args.class_names,
        cfg_options=args.cfg_options,
    )
    answer = inferencer(
        args.input, args.topk, args.sample, args.img_shape, args.scores
    )
    print(answer)
    if args.out:
        inferencer.draw(answer, args.out, up=args.up)
        print(f'drew it to {args.out}')


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
