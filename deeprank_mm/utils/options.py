"""Reading a config as the command line names and overrides it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Mapping, Optional

from mmengine.config import Config, DictAction

from .usage import UsageError


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config and ``--cfg-options``.

    Args:
        parser: The parser to extend.
    """
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config, as key=value',
    )


def read_config(path: str, options: Optional[Mapping[str, Any]]) -> Config:
    """Read a config and override it.

    Args:
        path: The config.
        options: Of ``--cfg-options``.

    Returns:
        The config, overridden.

    Raises:
        UsageError: There is no such file, or an option does not fit it.
    """
    if not Path(path).is_file():
        raise UsageError(
            f'config file {path} does not exist (looked from {Path.cwd()}); '
            'check the path.'
        )
    cfg = Config.fromfile(path)
    override(cfg, options)
    return cfg


def override(cfg: Config, options: Optional[Mapping[str, Any]]) -> None:
    """Change settings of a config.

    Args:
        cfg: The config, changed in place.
        options: Of ``--cfg-options``.

    Raises:
        UsageError: An option does not fit the config, or another one.
    """
    options = dict(options or {})
    # a value as a whole and a part of it cannot be set at once
    for whole, value in options.items():
        for part in options:
            if part.startswith(f'{whole}.') and not isinstance(value, dict):
                raise UsageError(
                    f'--cfg-options set {whole} as a whole, to {value!r}, '
                    f'and {part} within it: leave one of them out.'
                )
    try:
        cfg.merge_from_dict(options)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f'--cfg-options do not fit the config: {error}'
        ) from error
