r"""Print a config with all that it inherits, as a run would see it.

Of the whole or of a part:

  python tools/analysis/print_config.py configs/deeprank/stgcn_ntu60_xsub.py
  python tools/analysis/print_config.py configs/deeprank/stgcn_ntu60_xsub.py \
      --key model --cfg-options model.triplet_pool=global
"""

from __future__ import annotations

import argparse
from typing import Sequence

from mmengine.config import Config

import deeprank_mm  # noqa: F401  (configs import it)
from deeprank_mm.utils.options import add_config_arguments, read_config
from deeprank_mm.utils.usage import UsageError


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_arguments(parser)
    parser.add_argument(
        '--key',
        help='only this part, such as model or train_dataloader.dataset',
    )
    return parser


def part_of(cfg: Config, key: str) -> Config:
    """One part of a config.

    Args:
        cfg: The config.
        key: Its name, with dots; numbers index lists.

    Returns:
        A config of this part alone.

    Raises:
        UsageError: There is no such part.
    """
    node = cfg._cfg_dict
    for name in key.split('.'):
        try:
            node = node[int(name) if isinstance(node, list) else name]
        except (KeyError, IndexError, ValueError, TypeError):
            known = f': {", ".join(node)}' if isinstance(node, dict) else ''
            raise UsageError(
                f'--key {key}: there is no {name!r}{known}.'
            ) from None
    return Config({key.replace('.', '_'): node})


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    try:
        cfg = read_config(args.config, args.cfg_options)
        if args.key:
            cfg = part_of(cfg, args.key)
    except UsageError as error:
        command.error(str(error))
    print(cfg.pretty_text)


if __name__ == '__main__':
    main()
