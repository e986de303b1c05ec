"""How often the views of MV-DeepRank label a triplet differently (Fig. 4).

Reads a feature bank of a pretraining run, draws random triplets, and counts
for each modality how often the label of the other and of the all view is not
the self view's. Where it never is, MV-DeepRank learns no more than DeepRank.

  python tools/analysis/label_disagreement.py work_dirs/mv_deeprank/... \
      --out bars.png --csv shares.csv
"""

from __future__ import annotations

import argparse
from itertools import product
from typing import Sequence

from deeprank_mm.engine.bank_files import find_bank
from deeprank_mm.ranking import (
    NORMALIZATIONS,
    Disagreement,
    sampled_disagreement,
)
from deeprank_mm.structures import load_bank
from deeprank_mm.utils.bank_sources import run_normalization
from deeprank_mm.utils.tables import write_csv
from deeprank_mm.visualization import draw_disagreement

VIEWS = ('other', 'all')
# Fig. 4: 124,992,000 triplets of NTU RGB+D 60, joint.
PAPER = {('joint', 'other'): 0.289, ('joint', 'all'): 0.011}


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('bank', help='bank file, or work directory of a run')
    parser.add_argument(
        '--cycle', type=int, help='of the work directory; default the latest'
    )
    parser.add_argument('--triplets', type=int, default=1_000_000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--normalization',
        choices=NORMALIZATIONS,
        help="of features before distances; default the run's own",
    )
    parser.add_argument('--out', help='picture to write')
    parser.add_argument('--csv', help='table to write')
    parser.add_argument(
        '--paper',
        action='store_true',
        help="mark the paper's figures (NTU RGB+D 60, joint)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    if args.triplets < 1:
        command.error(f'--triplets must be 1 or more, got {args.triplets}.')
    try:
        path = find_bank(args.bank, args.cycle)
        bank = load_bank(path)
    except (FileNotFoundError, ValueError) as error:
        command.error(str(error))
    if len(bank.modalities) < 2:
        command.error(
            f'{path} holds {", ".join(bank.modalities)} alone: views differ '
            'only where several modalities are.'
        )
    normalization = args.normalization or run_normalization(path)
    if normalization is None:
        normalization = 'l2'
        print(
            "No config tells the run's normalisation: taking l2; "
            '--normalization names another.'
        )
    shares = sampled_disagreement(
        bank.features,
        product(bank.modalities, VIEWS),
        normalization,
        args.triplets,
        args.seed,
    )
    triplets = next(iter(shares.values())).triplets
    print(
        f'{path}: {len(bank):,} samples, normalization {normalization}.\n'
        f'Labels that differ from the self view, of {triplets:,} triplets '
        '(95 % interval):'
    )
    for (name, view), share in shares.items():
        print(f'  {name:8} {view:6} {share}')
    if args.paper:
        for (name, view), value in PAPER.items():
            print(f'  {name:8} {view:6} {100 * value:.1f} %  (paper, NTU60)')
    if args.csv:
        write_csv(
            args.csv,
            ['modality', 'view', *Disagreement._fields],
            ([*head, *share] for head, share in shares.items()),
        )
    if args.out:
        draw_disagreement(
            shares,
            args.out,
            f'{len(bank):,} samples, {triplets:,} triplets, 95 % intervals',
            PAPER if args.paper else None,
            'paper, NTU60',
        )


if __name__ == '__main__':
    main()
