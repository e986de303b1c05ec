"""Tables of numbers that the tools write beside their pictures."""

from __future__ import annotations

import csv
import io
from typing import Any, Iterable, Sequence

from deeprank_mm.atomic import atomic_write


def write_csv(
    path: str, header: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a table that is never seen half written.

    Args:
        path (str): The file; its folder is made if need be.
        header (Sequence[str]): Names of the columns.
        rows (Iterable[Sequence]): The lines.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(header)
    writer.writerows(rows)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
