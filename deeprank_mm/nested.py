"""Configs are dicts within dicts and lists; most name a registered type."""

from __future__ import annotations

from typing import Any, Iterator, Mapping


def dicts_in(node: Any) -> Iterator[Mapping]:
    """Every dict inside a config, an outer one before those in it.

    Args:
        node (Any): A config or a part of one, such as a pipeline.

    Yields:
        Mapping: The dicts themselves, ``node`` included, so that what is
        changed in them is changed in the config.
    """
    if isinstance(node, Mapping):
        yield node
        node = node.values()
    elif not isinstance(node, (list, tuple)):
        return
    for child in node:
        yield from dicts_in(child)


def type_name(kind: Any) -> str:
    """Name of a registered type, without its scope.

    Args:
        kind (Any): The value of ``type``: a string, scoped or not, or a
            class.

    Returns:
        str: Empty for anything else.
    """
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return name.rpartition('.')[2]
