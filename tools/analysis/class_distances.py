"""Average cosine distances between classes, encoders side by side (Fig. 6).

Takes the features from the banks of pretraining runs: entry (i, j) is the
average over all pairs of a sample of class i and another one of class j.
"""

from __future__ import annotations

import argparse
from typing import Sequence

from deeprank_mm.evaluation.class_distances import class_distances
from deeprank_mm.utils.bank_sources import HELP, parse_sources
from deeprank_mm.utils.class_names import read_names
from deeprank_mm.utils.tables import write_csv
from deeprank_mm.utils.usage import UsageError
from deeprank_mm.visualization.class_distances import (
    contrast,
    draw_class_distances,
)
from deeprank_mm.visualization.style import check_suffix

EXAMPLE = """example, the five encoders of Fig. 6:
  A=work_dirs/3s_deeprank/stgcn_nwucla_xview
  B=work_dirs/mv_deeprank/stgcn_nwucla_xview
  python tools/analysis/class_distances.py --out fig6.png --csv fig6.csv \\
    "random, bone=$A@1:bone" "DeepRank, joint=$A:joint" \\
    "DeepRank, bone=$A:bone" "DeepRank, motion=$A:motion" \\
    "MV-DeepRank, bone=$B:bone" \\
    --class-names tools/data/label_maps/nw_ucla.txt

A run keeps the banks of its latest checkpoints alone: train it with
default_hooks.checkpoint.max_keep_ckpts=-1 to keep cycle 1, the features of
the untrained encoder.
"""


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('banks', nargs='+', metavar='BANK', help=HELP)
    parser.add_argument('--out', required=True, help='picture, .png or .svg')
    parser.add_argument('--csv', help='table of the distances to write')
    parser.add_argument(
        '--part',
        choices=('train', 'val'),
        default='train',
        help='training samples (default) or held-out ones',
    )
    parser.add_argument(
        '--class-names', metavar='FILE', help='one name a line'
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Do what the command line says."""
    check_suffix(args.out)
    matrices, first, samples = {}, None, 0
    for source in parse_sources(args.banks):
        bank = source.load(args.part)
        classes, matrix = class_distances(source.features(bank), bank.labels)
        if first is None:
            first, samples = classes.tolist(), len(bank)
        if classes.tolist() != first or len(bank) != samples:
            raise UsageError(
                f'{source.path} is of other samples than the first bank: '
                f'{len(bank):,} of {len(classes)} classes, and not '
                f'{samples:,} of {len(first)}.'
            )
        matrices[source.name] = matrix.numpy()
        print(f'{source.name}: {contrast(matrices[source.name])}')
    names = read_names(args.class_names, first)
    part = 'training' if args.part == 'train' else 'held-out'
    draw_class_distances(
        matrices,
        args.out,
        [names[label] for label in first],
        f'average cosine distance of {samples:,} {part} samples, by class',
    )
    if args.csv:
        write_csv(
            args.csv,
            ['encoder', 'class', 'other_class', 'distance'],
            (
                [name, label, other, matrix[i, j]]
                for name, matrix in matrices.items()
                for i, label in enumerate(first)
                for j, other in enumerate(first)
            ),
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    try:
        run(args)
    except ValueError as error:
        command.error(str(error))


if __name__ == '__main__':
    main()
