"""Convert PKU-MMD I or II to clips in MMAction2's annotation format.

The input is the folder of skeleton files (0002-L.txt in part I, A01N01-L.txt
in part II: one line a frame, 150 numbers, two bodies of 25 joints in metres,
joint order 'nturgb+d' of MMAction2), the folder of label files of the same
names (rows class,start,end,confidence) and the cross-subject split file.

Splits: the clips of sequences that the split file lists for training are
xsub_train, all others xsub_val; about 18,841 and 2,704 in part I, 5,332 and
1,613 in part II.

Labels: class - 1 in part I. In part II, the 41 class ids that occur are
numbered from 0 in ascending order. The file's entry 'classes' has the class
id of each label.

Bodies and frames that are all zero are left out. Clip fields: sequence,
recording (the sequence without its camera), view (1 left, 2 middle, 3 right),
start and stop (of the frames cut), empty_frames.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from deeprank_mm.datasets import pku_mmd
from deeprank_mm.datasets.conversion import (
    ConversionError,
    add_reading_options,
    check_output,
    listed,
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
        'skeleton_dir', type=Path, help='folder of the skeleton files'
    )
    parser.add_argument(
        'label_dir', type=Path, help='folder of the label files'
    )
    parser.add_argument(
        'split_file',
        type=Path,
        help='cross-subject split (cross-subject.txt, cross_subject_v2.txt)',
    )
    parser.add_argument(
        'out', type=Path, help='annotation file to write (.pkl)'
    )
    parser.add_argument(
        '--part',
        type=int,
        choices=sorted(pku_mmd.PARTS),
        required=True,
        help='which part of the data set it is',
    )
    parser.add_argument(
        '--interval',
        choices=pku_mmd.INTERVALS,
        default='exclusive',
        help="whether the frame 'end' of a label row is left out of the clip "
        'or belongs to it; converters in use disagree (default: exclusive)',
    )
    parser.add_argument(
        '--strict',
        action='store_true',
        help='fail on a malformed row or file, instead of naming it and '
        'leaving it out',
    )
    add_reading_options(parser)
    return parser.parse_args(argv)


def warnings_of(
    part: int, splits: dict[str, list[str]], classes: Sequence[int]
) -> list[str]:
    """What is unlike the whole data set as others converted it."""
    files = pku_mmd.PARTS[part]
    found = {name: len(ids) for name, ids in splits.items()}
    warnings = []
    if found != files.counts:
        warnings.append(
            f'other conversions of {files.name} have {files.counts} clips, '
            f'this one has {found}'
        )
    if len(classes) != pku_mmd.NUM_CLASSES[part]:
        warnings.append(
            f'{len(classes)} class ids occur and {files.name} has '
            f'{pku_mmd.NUM_CLASSES[part]}: the labels mean other classes '
            "than those of the whole data set, see the file's 'classes'"
        )
    return warnings


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Convert; returns the exit status, 0 if the file was written."""
    args = parse_args(argv)
    try:
        check_output(args.out)
        clips, splits, classes = pku_mmd.convert_part(
            args.part,
            args.skeleton_dir,
            args.label_dir,
            args.split_file,
            args.interval,
            args.workers,
        )
        if args.strict and clips.problems:
            raise ConversionError(
                f'{len(clips.problems)} rows or files are malformed, nothing '
                f'was written: {listed(clips.problems, "; ")}; repair them '
                'or leave out --strict'
            )
        write_annotations(
            args.out,
            clips.annotations,
            splits,
            dict(classes=classes, interval=args.interval),
        )
    except (ConversionError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    for problem in clips.problems:
        print(f'warning: {problem}', file=sys.stderr)
    if clips.unlisted:
        print(
            f'warning: {len(clips.unlisted)} sequences are in neither list of '
            f'{args.split_file} and test: {listed(clips.unlisted)}',
            file=sys.stderr,
        )
    for warning in warnings_of(args.part, splits, classes):
        print(f'warning: {warning}', file=sys.stderr)
    print(summarise(clips.annotations, splits))
    print(f'label rows {clips.rows}, interval {args.interval}')
    print(f'problems   {len(clips.problems)}')
    print(f'written    {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
