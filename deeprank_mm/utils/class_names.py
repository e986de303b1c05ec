"""Names of classes."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, Optional

from deeprank_mm.utils.usage import UsageError


def read_names(
    path: Optional[str], labels: Iterable[int], all_of_them: bool = False
) -> Dict[int, str]:
    """Names of classes, their numbers where there is no file.

    Args:
        path (str, optional): The file, one name a line, from class 0.
        labels (Iterable[int]): The classes that need a name.
        all_of_them (bool): These are all classes there are: a file that has
            names for more is of other data. Defaults to False.

    Returns:
        dict[int, str]: By class.

    Raises:
        UsageError: The file cannot be read, has too few names or too many,
            or a line is empty.
    """
    labels = list(labels)
    if path is None:
        return {label: f'class {label}' for label in labels}
    if not Path(path).is_file():
        raise UsageError(f'--class-names {path}: there is no such file.')
    try:
        text = Path(path).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f'--class-names {path} cannot be read as text: {error}.'
        ) from error
    names = [line.strip() for line in text.rstrip().splitlines()]
    if '' in names:
        raise UsageError(
            f'--class-names {path}: line {names.index("") + 1} is empty; it '
            'must name one class a line, from class 0.'
        )
    last = max(labels, default=-1)
    if last >= len(names):
        raise UsageError(
            f'--class-names {path} has {len(names)} names, but there is a '
            f'class {last}.'
        )
    if all_of_them and len(names) > len(labels):
        raise UsageError(
            f'--class-names {path} has {len(names)} names, but there are '
            f'{len(labels)} classes: it is of other data.'
        )
    return {label: names[label] for label in labels}
