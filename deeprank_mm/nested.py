"""Configs are dicts within dicts and lists."""

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
