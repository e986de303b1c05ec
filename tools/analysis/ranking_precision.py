"""How often labels agree with the true classes, over training (Fig. 8).

Reads the banks of each run's cycles. Of DeepRank: the share of triplets
whose closer candidate is of the anchor's class, over all triplets (few have
such a candidate at all) and over those with exactly one (chance: 50 %). Of
DeepCluster: the share of samples whose class is the most frequent one of
their cluster, which rises with the number of clusters by itself.
"""

from __future__ import annotations

import argparse
from typing import Dict, List, NamedTuple, Optional, Sequence

from deeprank_mm.engine.bank_files import find_bank
from deeprank_mm.evaluation.label_precision import (
    majority_precision,
    ranking_precision,
)
from deeprank_mm.ranking import NORMALIZATIONS, VIEWS
from deeprank_mm.structures import FeatureBank
from deeprank_mm.utils.bank_sources import (
    BankSource,
    parse_sources,
    run_normalization,
)
from deeprank_mm.utils.tables import write_csv
from deeprank_mm.utils.usage import UsageError
from deeprank_mm.visualization.label_precision import draw_precision
from deeprank_mm.visualization.style import check_suffix

EXAMPLE = """example; train with default_hooks.checkpoint.max_keep_ckpts=-1, or
only the banks of the latest checkpoints are kept:
  python tools/analysis/ranking_precision.py --out fig8.png --csv fig8.csv \\
    DeepRank=work_dirs/deeprank/stgcn_nwucla_xview \\
    DeepCluster=work_dirs/deepcluster/stgcn_nwucla_xview
"""


class Curve(NamedTuple):
    """Precision of a run's labels by refreshes before."""

    name: str
    values: Dict[int, float]
    chance: Optional[float]
    count: int


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'runs',
        nargs='+',
        metavar='RUN',
        help='[NAME=]PATH[:MODALITY]: work directory of a pretraining run',
    )
    parser.add_argument('--out', required=True, help='picture, .png or .svg')
    parser.add_argument('--csv', help='table of the figures to write')
    parser.add_argument('--view', choices=VIEWS, default='self')
    parser.add_argument(
        '--anchors',
        type=int,
        default=2000,
        help='evenly spaced samples to take as anchors at most, with all of '
        'their triplets (default: 2000)',
    )
    parser.add_argument(
        '--normalization',
        choices=NORMALIZATIONS,
        help="of features before distances; default the run's own",
    )
    return parser


def curves_of(
    source: BankSource,
    banks: Dict[int, FeatureBank],
    args: argparse.Namespace,
) -> List[Curve]:
    """The precision of one run's labels."""
    first = next(iter(banks.values()))
    modality = source.modality_of(first)
    if first.clusters is not None:
        values = {
            cycle - 1: majority_precision(bank.clusters[modality], bank.labels)
            for cycle, bank in banks.items()
        }
        count = int(first.clusters[modality].unique().numel())
        name = f'{source.name}, majority of {count} clusters'
        return [Curve(name, values, None, len(first))]
    if args.view == 'other' and len(first.modalities) < 2:
        raise UsageError(
            f'--view other: {source.path} has {first.modalities[0]} alone.'
        )
    normalization = (
        args.normalization or run_normalization(find_bank(source.path)) or 'l2'
    )
    found = {
        cycle - 1: ranking_precision(
            bank.features,
            bank.labels,
            modality,
            args.view,
            normalization,
            args.anchors,
        )
        for cycle, bank in banks.items()
    }
    one = next(iter(found.values()))
    return [
        Curve(
            f'{source.name}, one candidate of the class',
            {k: v.informative for k, v in found.items()},
            0.5,
            one.informative_triplets,
        ),
        Curve(
            f'{source.name}, all triplets',
            {k: v.raw for k, v in found.items()},
            one.raw_chance,
            one.triplets,
        ),
    ]


def write_curves(path: str, curves: Sequence[Curve]) -> None:
    """Write the figures, a line for each cycle."""
    write_csv(
        path,
        ['labels', 'refreshes', 'precision', 'chance', 'of'],
        (
            [c.name, cycle, v, '' if c.chance is None else c.chance, c.count]
            for c in curves
            for cycle, v in c.values.items()
        ),
    )


def run(args: argparse.Namespace) -> None:
    """Do what the command line says."""
    check_suffix(args.out)
    if args.anchors < 1:
        raise UsageError('--anchors must be 1 or more.')
    curves: List[Curve] = []
    samples = set()
    for source in parse_sources(args.runs):
        banks = source.load_cycles()
        samples.add(len(next(iter(banks.values()))))
        missing = set(range(1, max(banks) + 1)) - set(banks)
        if missing:
            print(
                f'{source.path} has no banks of cycles '
                f'{", ".join(map(str, sorted(missing)))} any more: '
                'default_hooks.checkpoint.max_keep_ckpts=-1 keeps all.'
            )
        curves += curves_of(source, banks, args)
    for curve in curves:
        chance = (
            '' if curve.chance is None else f' (chance {curve.chance:.3f})'
        )
        text = ', '.join(f'{k}: {v:.3f}' for k, v in curve.values.items())
        print(f'{curve.name}{chance}: {text}')
    text = ' and '.join(f'{n:,}' for n in sorted(samples))
    draw_precision(
        {curve.name: curve.values for curve in curves},
        args.out,
        {c.name: c.chance for c in curves if c.chance is not None},
        f'agreement of labels with classes, {text} training samples'
        + ('' if args.view == 'self' else f', {args.view} view'),
    )
    if args.csv:
        write_curves(args.csv, curves)


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
