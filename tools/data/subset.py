"""Write the ids of a labelled subset, to hand it to somebody else.

The subset is the one that a semi-supervised config of the same fraction and
seed takes. Any config takes the file instead:

  train_dataloader = dict(dataset=dict(labelled=dict(file='ids.txt')))
"""

import argparse
import os.path as osp
import sys
from collections.abc import Sequence
from typing import Optional

from deeprank_mm.datasets import (
    SkeletonDataset,
    ids_digest,
    labelled_subset,
    write_ids,
)


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('ann_file', help='the annotation file (.pkl)')
    parser.add_argument(
        '--split', help='which split of the file, where it has splits'
    )
    parser.add_argument(
        '--fraction',
        type=float,
        required=True,
        help='share of each class, in (0, 1]; at least one sample',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='names the subset (default: %(default)s)',
    )
    parser.add_argument('--out', required=True, help='the file to write')
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the tool.

    Args:
        argv (Sequence[str], optional): Arguments; defaults to the command
            line's.

    Returns:
        int: 0, or 1 after an error, which is printed.
    """
    args = parser().parse_args(argv)
    try:
        data = SkeletonDataset(args.ann_file, [], args.split)
        keep = labelled_subset(
            data.sample_ids, data.labels.tolist(), args.fraction, args.seed
        )
        names = data.sample_ids
        ids = [names[i] for i in keep]
        remarks = dict(samples=f'{len(ids)} of {len(data)}')
        remarks['annotation file'] = osp.basename(args.ann_file)
        if args.split is not None:
            remarks['split'] = args.split
        remarks.update(fraction=args.fraction, seed=args.seed)
        write_ids(args.out, ids, remarks)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(
        f'{args.out}: {len(ids)} of {len(data)} samples, '
        f'sha256 {ids_digest(ids)}'
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
