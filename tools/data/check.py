"""Report every defect of an annotation file.

Errors make training fail or give a silently wrong result, warnings are
survived, notes are for whoever compares results. Nothing in the file is run.

Exit status: 0 without errors, 1 with errors, 2 if the file cannot be read or
an option is wrong.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deeprank_mm.datasets.check import (
    SEVERITIES,
    Finding,
    Report,
    check_file,
)
from deeprank_mm.datasets.safe_pickle import UnsafeAnnotationError

MAX_NAMES = 3
STYLES = dict(error='bold red', warning='yellow', note='dim')


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('file', help='the annotation file (.pkl)')
    parser.add_argument(
        '--json',
        metavar='OUT',
        type=Path,
        help='also write the report, with the names of all samples, to this '
        'file',
    )
    parser.add_argument(
        '--num-classes',
        type=int,
        metavar='N',
        help='check that labels are 0 to N-1 and that none is missing',
    )
    parser.add_argument(
        '--train',
        metavar='SPLIT',
        help='the split to train on (default: all with "train" in the name)',
    )
    parser.add_argument(
        '--test',
        metavar='SPLIT',
        help='the split to test on (default: named as the one to train on, '
        'with val or test in place of train)',
    )
    return parser


def render(report: Report) -> Table:
    """The findings as a table.

    Args:
        report (Report): What was found, something at least.

    Returns:
        Table: One row a finding.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column('severity')
    table.add_column('count', justify='right')
    table.add_column('what')
    table.add_column('where', overflow='fold')
    for finding in report.findings:
        table.add_row(
            Text(finding.severity, STYLES[finding.severity]),
            str(len(finding.where)),
            Text(finding.title),
            Text(_first_names(finding)),
        )
    return table


def _first_names(finding: Finding) -> str:
    (first, detail), *others = finding.where
    names = [f'{first} ({detail})']
    names += [name for name, _ in others[: MAX_NAMES - 1]]
    more = len(finding.where) - len(names)
    return ', '.join(names) + (f' and {more} more' if more else '')


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Check, print, and return the exit status."""
    command = parser()
    args = command.parse_args(argv)
    if args.num_classes is not None and args.num_classes < 1:
        command.error(f'--num-classes {args.num_classes}: must be 1 or more')
    try:
        report = check_file(args.file, args.num_classes, args.train, args.test)
        if args.json is not None:
            content = dict(file=args.file, **report.to_dict())
            args.json.write_text(json.dumps(content, indent=1) + '\n')
    except (OSError, ValueError, UnsafeAnnotationError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    console = Console(highlight=False)
    sizes = ', '.join(f'{k} {v}' for k, v in report.splits.items())
    console.print(
        Text(f'{args.file}: {report.samples} samples ({sizes or "no splits"})')
    )
    if report.findings:
        console.print(render(report))
    counts = [f'{report.count(name)} {name}(s)' for name in SEVERITIES]
    console.print(', '.join(counts))
    return 1 if report.count('error') else 0


if __name__ == '__main__':
    sys.exit(main())
