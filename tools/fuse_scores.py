"""Fuse the scores of several streams, and say how accurate they are.

The files are what tools/test.py --dump wrote, one for each stream, on the
same samples in any order: they are matched by name. The fused scores are the
sum of the streams' probabilities; scores that are none yet get one softmax.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence

from deeprank_mm.evaluation.fusion import (
    accuracies,
    align,
    confusion_matrix,
    fuse,
)
from deeprank_mm.evaluation.predictions import Predictions, PredictionsError
from deeprank_mm.utils.class_names import read_names
from deeprank_mm.utils.usage import UsageError
from deeprank_mm.visualization.confusion import draw_confusion
from deeprank_mm.visualization.style import SUFFIXES

FUSED = 'fused'
EXAMPLE = """example, the ensemble of three streams:
  C=configs/finetune/stgcn_nwucla_xview.py
  for m in joint bone motion; do
    python tools/test.py $C $m.pth --modality $m --dump $m.pkl
  done
  python tools/fuse_scores.py joint.pkl bone.pkl motion.pkl \\
    --confusion-matrix confusion.png
"""


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'files', nargs='+', metavar='FILE', help='scores of one stream'
    )
    parser.add_argument(
        '--weights',
        nargs='+',
        type=float,
        metavar='W',
        help='one for each file (default: equal ones, as in the paper); do '
        'not choose them by accuracy on the test data',
    )
    parser.add_argument(
        '--names',
        nargs='+',
        metavar='NAME',
        help="what to call the streams (default: the files' names)",
    )
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='save the fused scores to this .pkl file, which this tool and '
        "MMAction2's read like the others",
    )
    parser.add_argument(
        '--confusion-matrix',
        metavar='FILE',
        help='draw the confusion matrix of the fused scores to this '
        f'{" or ".join(SUFFIXES)} file',
    )
    parser.add_argument(
        '--class-names',
        metavar='FILE',
        help='text file for the picture, with the name of one class a line',
    )
    return parser


def check(args: argparse.Namespace) -> None:
    """Refuse options that cannot be followed, before anything is read."""
    if args.out is not None:
        if not args.out.endswith(('.pkl', '.pickle')):
            raise UsageError(f'--out {args.out}: must end in .pkl or .pickle.')
        out = Path(args.out).resolve()
        if out in [Path(path).resolve() for path in args.files]:
            raise UsageError(
                f'--out {args.out} is one of the files to fuse, which it '
                'would overwrite; choose another name.'
            )
    picture = args.confusion_matrix
    if picture is not None and Path(picture).suffix.lower() not in SUFFIXES:
        raise UsageError(
            f'--confusion-matrix {picture}: must end in '
            f'{" or ".join(SUFFIXES)}.'
        )
    if args.class_names is not None and picture is None:
        raise UsageError(
            '--class-names is for the picture: add --confusion-matrix FILE.'
        )


def stream_names(
    files: Sequence[str], names: Optional[Sequence[str]]
) -> List[str]:
    """What the streams are called: as asked, else by their files.

    Args:
        files: Their paths.
        names: The option's value.

    Returns:
        One name a file; the whole path where the file name is not unique.

    Raises:
        UsageError: The names do not fit, or a file is given twice.
    """
    paths = [Path(path).resolve() for path in files]
    twice = [path for path, times in Counter(paths).items() if times > 1]
    if twice:
        raise UsageError(f'{twice[0]} is given more than once.')
    if names is None:
        stems = Counter(path.stem for path in paths)
        return [
            Path(path).stem if stems[Path(path).stem] == 1 else str(path)
            for path in files
        ]
    if len(names) != len(files):
        raise UsageError(
            f'--names: there are {len(names)} for {len(files)} files.'
        )
    if len(set(names)) != len(names):
        raise UsageError('--names: two streams have the same name.')
    return list(names)


def table(
    streams: Mapping[str, Predictions],
    fused: Predictions,
    weights: Sequence[float],
) -> str:
    """The accuracies of each stream and of the ensemble, in per cent.

    Args:
        streams: The streams by name.
        fused: Their ensemble.
        weights: Of the streams.

    Returns:
        The lines to print.
    """
    width = max(len(name) for name in (*streams, FUSED, 'stream'))
    top5 = f'top-{min(5, fused.num_classes)}'
    lines = [f'{"stream":<{width}}  weight   top-1   {top5}  mean class']
    shown = [f'{weight:g}' for weight in weights]
    for name, weight, stream in zip(
        (*streams, FUSED), (*shown, ''), (*streams.values(), fused)
    ):
        figures = {k: 100 * v for k, v in accuracies(stream).items()}
        lines.append(
            f'{name:<{width}}  {weight:>6}  {figures["top1"]:6.2f}  '
            f'{figures["top5"]:6.2f}  {figures["mean_class"]:10.2f}'
        )
    lines.append(
        f'per cent of {len(fused)} samples, {fused.num_classes} classes'
    )
    return '\n'.join(lines)


def run(args: argparse.Namespace) -> None:
    """Fuse, print, and write what was asked for."""
    check(args)
    names = stream_names(args.files, args.names)
    streams: Dict[str, Predictions] = align(
        {n: Predictions.load(path) for n, path in zip(names, args.files)}
    )
    fused = fuse(streams, args.weights)
    picture, out = args.confusion_matrix, args.out
    class_names = None
    if args.class_names is not None:
        classes = range(fused.num_classes)
        named = read_names(args.class_names, classes, all_of_them=True)
        class_names = [named[label] for label in classes]
    if fused.labels is None and (out is None or picture is not None):
        raise UsageError(
            'accuracy cannot be computed, because no file has labels: test '
            'on data with labels, or give --out alone to only write the '
            'fused scores.'
        )
    if fused.labels is not None:
        print(table(streams, fused, args.weights or [1.0] * len(streams)))
    if out is not None:
        fused.save(out)
        print(f'fused scores of {len(fused)} samples: {out}')
    if picture is not None:
        top1 = 100 * accuracies(fused)['top1']
        title = f'{" + ".join(streams)}: top-1 {top1:.1f} %'
        draw_confusion(confusion_matrix(fused), picture, class_names, title)
        print(f'confusion matrix: {picture}')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    # Intermixed, so that the files may also follow the options.
    args = command.parse_intermixed_args(argv)
    try:
        run(args)
    except (UsageError, PredictionsError, OSError) as error:
        command.error(str(error))


if __name__ == '__main__':
    main()
