"""Names of classes."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, Optional

from deeprank_mm.utils.usage import UsageError


def read_names(path: Optional[str], labels: Iterable[int]) -> Dict[int, str]:
    """Names of classes, their numbers where there is no file.

    Args:
        path (str, optional): The file, one name a line, from class 0.
        labels (Iterable[int]): The classes that need a name.

    Returns:
        dict[int, str]: By class.

    Raises:
        UsageError: The file is missing or too short, or a line is empty.
    """
    labels = list(labels)
    if path is None:
        return {label: f'class {label}' for label in labels}
    if not Path(path).is_file():
        raise UsageError(f'--class-names {path}: there is no such file.')
    lines = Path(path).read_text(encoding='utf-8').rstrip().splitlines()
    names = [line.strip() for line in lines]
    if '' in names:
        raise UsageError(
            f'--class-names {path}: line {names.index("") + 1} is empty; it '
            'must name one class a line, from class 0.'
        )
    if max(labels, default=0) >= len(names):
        raise UsageError(
            f'--class-names {path} has {len(names)} names, but there is a '
            f'class {max(labels)}.'
        )
    return {label: names[label] for label in labels}
