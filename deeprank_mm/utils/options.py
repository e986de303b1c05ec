"""What small tools that only read a config share."""

from __future__ import annotations

import argparse
from pathlib import Path

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


def read_config(args: argparse.Namespace) -> Config:
    """Read the config that the options name.

    Args:
        args: The parsed options.

    Returns:
        The config, overridden.

    Raises:
        UsageError: There is no such file, or an option does not fit it.
    """
    if not Path(args.config).is_file():
        raise UsageError(
            f'config file {args.config} does not exist (looked from '
            f'{Path.cwd()}).'
        )
    cfg = Config.fromfile(args.config)
    try:
        cfg.merge_from_dict(args.cfg_options or {})
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f'--cfg-options do not fit the config: {error}'
        ) from error
    return cfg
