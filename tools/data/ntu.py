"""Convert the NTU RGB+D skeletons to MMAction2's annotation format.

The input is the folder of SsssCcccPpppRrrrAaaa.skeleton files (setup, camera,
subject, replication, action): Kinect v2, 25 joints in metres, joint order
'nturgb+d' of MMAction2. The files of NTU RGB+D 60 and 120 may be in one
folder.

Splits: xsub_train, xsub_val, and xview_train, xview_val of the 60 or
xset_train, xset_val of the 120. With the authors' list of samples that miss
skeletons (--missing, NTU_RGBD_samples_with_missing_skeletons.txt or
NTU_RGBD120_samples_with_missing_skeletons.txt) there are 56,578 and 113,945
samples.

At most two people are made of the bodies of a file: a body in fewer than 12
frames, one that is mostly too wide for its height, and one that leaps about
is noise, unless nothing else is there; of the others those that move most are
kept, and pieces that do not overlap in time are joined. Frames with nobody in
them are left out (the annotation says how many). Sample fields: subject, view
(camera), setup, replication, empty_frames.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from deeprank_mm.datasets import ntu
from deeprank_mm.datasets.conversion import (
    ConversionError,
    add_reading_options,
    check_output,
    check_problems,
    read_files,
    split_annotations,
    summarise,
    write_annotations,
)


def parse_args(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'in_dir', type=Path, help='folder of the .skeleton files'
    )
    parser.add_argument(
        'out', type=Path, help='annotation file to write (.pkl)'
    )
    parser.add_argument(
        '--dataset',
        choices=sorted(ntu.CONVERSIONS),
        required=True,
        help='which of the two data sets to make',
    )
    parser.add_argument(
        '--missing',
        type=Path,
        metavar='FILE',
        help="the authors' list of samples with missing skeletons, which are "
        'left out',
    )
    parser.add_argument(
        '--strict',
        action='store_true',
        help='fail on a malformed file, instead of naming and skipping it, '
        'and unless the number of samples is the published one',
    )
    add_reading_options(parser)
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Convert; returns the exit status, 0 if the file was written."""
    args = parse_args(argv)
    conversion = ntu.CONVERSIONS[args.dataset]
    try:
        check_output(args.out)
        missing = ntu.read_missing(args.missing) if args.missing else None
        files, notes = ntu.select_files(
            args.dataset, args.in_dir, missing or frozenset()
        )
        annotations, problems = read_files(conversion, files, args.workers)
        check_problems(conversion, problems, len(files), args.strict)
        splits = split_annotations(conversion, annotations)
        warning = ntu.check_published_counts(
            args.dataset, splits, args.strict, missing is not None
        )
        write_annotations(args.out, annotations, splits)
    except (ConversionError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    for problem in problems:
        print(f'warning: skipped {problem}', file=sys.stderr)
    if problems:
        print(
            f'warning: {len(problems)} of {len(files)} files are malformed '
            'and were skipped',
            file=sys.stderr,
        )
    if warning:
        print(f'warning: {warning}', file=sys.stderr)
    print(summarise(annotations, splits))
    for note in notes:
        print(f'left out   {note}')
    print(f'skipped    {len(problems)} of {len(files)} files')
    print(f'written    {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
