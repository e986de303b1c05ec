"""What is said when an option cannot be followed."""

from __future__ import annotations

from pathlib import Path

from deeprank_mm.engine.strict import resolve_checkpoint


class UsageError(ValueError):
    """An option that cannot be followed, with the reason and the way out."""


def resolve(option: str, path: str) -> str:
    """The checkpoint that a path names: itself, or a work folder's latest.

    Args:
        option: Which option it was, for the message.
        path: The option's value.

    Returns:
        The checkpoint's path or URL.

    Raises:
        UsageError: There is no checkpoint, or none that can be read.
    """
    try:
        return resolve_checkpoint(path)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(
            f'{option}: {error} (Looked from {Path.cwd()}.)'
        ) from error
