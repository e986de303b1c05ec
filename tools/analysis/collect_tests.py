r"""Make a table of what tools/test.py said of several runs and seeds.

tools/benchmark.py evaluates skeleton encoders by itself; this puts the tests
of any other pretraining config, such as those of images, into the same form.

  python tools/analysis/collect_tests.py --seeds 0-2 \
      --row 'random, BN calibrated=work_dirs/images/random_{seed}' \
      --row 'DeepRank=work_dirs/images/deeprank_{seed}' \
      --title Digits --out docs/results/baselines_digits.json
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Sequence

from deeprank_mm.protocols.benchmark import revision, versions
from deeprank_mm.protocols.cells import parse_seeds, write_text
from deeprank_mm.protocols.table import Entry, compare, finished_table, page
from deeprank_mm.utils.usage import UsageError

# knn20_image, linear_image, linear@0.1_image; not linear@0.1_std_image
_METRIC = re.compile(r'(knn|linear)(\d*)(?:@([\d.]+))?_([A-Za-z]\w*)')


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--row',
        action='append',
        required=True,
        metavar='NAME=FOLDER',
        help='a row, and the --work-dir of its tests, in which {seed} is '
        'replaced; the first row is the one to compare with',
    )
    parser.add_argument(
        '--seeds', default='0', help='as 0-4 or 0,2,5 (default: %(default)s)'
    )
    parser.add_argument('--title', required=True, help='of the table')
    parser.add_argument('--out', required=True, help='the .json file')
    return parser


def read_test(folder: Path) -> dict[tuple[str, str], float]:
    """The latest result of tools/test.py in a work folder.

    Args:
        folder (Path): Its ``--work-dir``.

    Returns:
        dict: Accuracy by protocol (as of tools/benchmark.py) and modality.

    Raises:
        UsageError: There is none.
    """
    found = sorted(folder.glob('*/[0-9]*.json'))
    if not found:
        raise UsageError(
            f'--row: {folder} holds no result of a test: name the --work-dir '
            'of tools/test.py.'
        )
    scores = {}
    for key, value in json.loads(found[-1].read_text()).items():
        match = _METRIC.fullmatch(key)
        if match and not match[4].startswith('std_'):
            number = match[2] or match[3]
            name = f'{match[1]}@{number}' if number else match[1]
            scores[name, match[4]] = value
    return scores


def collect(rows: Sequence[str], seeds: Sequence[int]) -> list[Entry]:
    """The table's numbers.

    Args:
        rows (Sequence[str]): As ``NAME=FOLDER``.
        seeds (Sequence[int]): The repetitions.

    Returns:
        list[Entry]: With differences to the first row.

    Raises:
        UsageError: A row is malformed, or has no test.
    """
    entries: dict = {}
    for row in rows:
        name, _, folder = row.partition('=')
        if not folder:
            raise UsageError(f'--row {row}: is not of the form NAME=FOLDER.')
        for seed in seeds:
            scores = read_test(Path(folder.replace('{seed}', str(seed))))
            for (protocol, modality), value in scores.items():
                entry = entries.setdefault(
                    (protocol, name, modality),
                    Entry(name, modality, protocol, {}),
                )
                entry.accuracy[seed] = value
    return compare(
        list(entries.values()), [row.partition('=')[0] for row in rows[:1]]
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    try:
        entries = collect(args.row, parse_seeds(args.seeds))
    except UsageError as error:
        command.error(str(error))
    given = sys.argv[1:] if argv is None else argv
    content = finished_table(
        args.title,
        f'python tools/analysis/collect_tests.py {shlex.join(given)}',
        entries,
        revision(),
        versions(),
    )
    write_text(Path(args.out), json.dumps(content, indent=1) + '\n')
    print(page(content))


if __name__ == '__main__':
    main()
