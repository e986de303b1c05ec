r"""Join tables of tools/benchmark.py that were made at different times.

Rows of one config and protocol that were evaluated on other machines, or with
other seeds, come into one table, with paired differences over the seeds that
two rows have in common. Where tables share a row, they must agree; of a table
that is named FILE.json:ROW that row alone is taken.

  python tools/analysis/join_tables.py a.json b.json \
      --rows 'random, BN calibrated' 'DeepRank' 'DeepRank, recipe' \
      --baseline 'DeepRank, recipe' --title 'All methods' \
      --out all.json
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Iterable, Sequence

from deeprank_mm.protocols.cells import write_text
from deeprank_mm.protocols.table import (
    Entry,
    compare,
    entries_of,
    finished_table,
    page,
)
from deeprank_mm.utils.usage import UsageError


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('tables', nargs='+', metavar='TABLE.json[:ROW]')
    parser.add_argument(
        '--rows', nargs='+', help='these, in this order (default: all)'
    )
    parser.add_argument(
        '--modalities', nargs='+', help='these alone (default: all)'
    )
    parser.add_argument(
        '--protocols',
        nargs='+',
        help='these, in this order, as the tables name them: knn@20, linear, '
        'semi@0.1 (default: all)',
    )
    parser.add_argument(
        '--baseline', help='the row to compare with (default: the first)'
    )
    parser.add_argument('--title', required=True, help='of the table')
    parser.add_argument('--out', required=True, help='the .json file')
    return parser


def join(
    contents: Sequence[dict],
    rows: Sequence[str] | None = None,
    modalities: Sequence[str] | None = None,
    protocols: Sequence[str] | None = None,
    baseline: str | None = None,
) -> list[Entry]:
    """The entries of several tables as one.

    Args:
        contents (Sequence[dict]): As in ``table.json``.
        rows (Sequence[str], optional): Which, in this order. Defaults to all.
        modalities (Sequence[str], optional): Which, in this order. Defaults
            to all.
        protocols (Sequence[str], optional): Which, in this order. Defaults to
            all.
        baseline (str, optional): The row to compare with. Defaults to the
            first.

    Returns:
        list[Entry]: With differences to the baseline.

    Raises:
        UsageError: A row, modality or protocol is not there, or two tables
            disagree on one.
    """
    found: dict[tuple[str, str, str], Entry] = {}
    for content in contents:
        for entry in entries_of(content):
            key = entry.modality, entry.protocol, entry.row
            if key not in found:
                found[key] = entry
                continue
            mine = found[key]
            for seed, value in entry.accuracy.items():
                if mine.accuracy.setdefault(seed, value) != value:
                    raise UsageError(
                        f'{entry.row!r} has {mine.accuracy[seed]:.4f} and '
                        f'{value:.4f} for seed {seed} ({entry.modality}, '
                        f'{entry.protocol}): these tables are not of the same '
                        'encoders and data.'
                    )
            mine.best.update(entry.best)
            mine.pretraining.update(entry.pretraining)
            mine.seconds = max(mine.seconds, entry.seconds)
    streams = _chosen('modality', modalities, (key[0] for key in found))
    columns = _chosen('protocol', protocols, (key[1] for key in found))
    names = _chosen('row', rows, (key[2] for key in found))
    _chosen('row', baseline and [baseline], (key[2] for key in found))
    ordered = [
        found[stream, protocol, name]
        for stream in streams
        for name in names
        for protocol in columns
        if (stream, protocol, name) in found
    ]
    return compare(ordered, [baseline or names[0]])


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    try:
        contents = [_read(table) for table in args.tables]
        entries = join(
            contents, args.rows, args.modalities, args.protocols, args.baseline
        )
    except UsageError as error:
        command.error(str(error))
    given = sys.argv[1:] if argv is None else argv
    content = finished_table(
        args.title,
        f'python tools/analysis/join_tables.py {shlex.join(given)}',
        entries,
        _all(table['revision'] for table in contents),
        {
            key: _all(table['versions'].get(key) for table in contents)
            for key in contents[0]['versions']
        },
    )
    write_text(Path(args.out), json.dumps(content, indent=1) + '\n')
    print(page(content))


def _read(table: str) -> dict:
    """A table, or of FILE.json:ROW that row of it."""
    path, end, row = table.partition('.json:')
    path += end.rstrip(':')
    if not Path(path).is_file():
        raise UsageError(f'There is no table {path}.')
    content = json.loads(Path(path).read_text())
    if row:
        entries = content['entries']
        content['entries'] = [e for e in entries if e['row'] == row]
        if not content['entries']:
            raise UsageError(
                f'{path} has no row {row!r}; there are '
                f'{", ".join(sorted({e["row"] for e in entries}))}.'
            )
    return content


def _chosen(
    what: str, asked: Sequence[str] | None, there: Iterable[str]
) -> list[str]:
    """What is asked for, each of which is there; else all, as they come."""
    known = list(dict.fromkeys(there))
    for name in asked or ():
        if name not in known:
            raise UsageError(
                f'No table has a {what} {name!r}; there are '
                f'{", ".join(sorted(known))}.'
            )
    return list(asked or known)


def _all(values: Iterable[str | None]) -> str:
    """What several tables have, once if it is the same."""
    return ' and '.join(dict.fromkeys(str(value) for value in values))


if __name__ == '__main__':
    main()
