"""The paper's own tables, to stand beside measured ones."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Optional, Sequence


def paper_tables(path: Path, names: Optional[Sequence[str]] = None) -> str:
    """The paper's tables as Markdown, a row for each backbone and method.

    Args:
        path (Path): A CSV of table, column, backbone, method, top1.
        names (Sequence[str], optional): Which tables, as ``'IV'``. Defaults
            to all.

    Returns:
        str: Markdown.

    Raises:
        KeyError: The file has not all of them.
    """
    tables: dict = {}
    with open(path, newline='') as file:
        for line in csv.DictReader(file):
            rows = tables.setdefault(line['table'], {})
            row = rows.setdefault((line['backbone'], line['method']), {})
            row[line['column']] = line['top1']
    if names is not None:
        titles = {title.partition(',')[0]: title for title in tables}
        tables = {titles[name]: tables[titles[name]] for name in names}
    parts = []
    for name, rows in tables.items():
        columns = list(dict.fromkeys(c for row in rows.values() for c in row))
        lines = [
            f'| Table {name} | method | {" | ".join(columns)} |',
            '|---' * (len(columns) + 2) + '|',
        ]
        for (backbone, method), row in rows.items():
            cells = ' | '.join(row.get(c, '') for c in columns)
            lines.append(f'| {backbone} | {method} | {cells} |')
        parts.append('\n'.join(lines))
    return '\n\n'.join(parts)
