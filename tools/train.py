"""Train or pretrain from a config."""

from __future__ import annotations

import argparse
from typing import Sequence

from mmengine.config import Config
from torch.distributed.elastic.multiprocessing.errors import record

import deeprank_mm  # noqa: F401  (registers the components)
from deeprank_mm import compat
from deeprank_mm.utils import launch
from deeprank_mm.utils.runner import build_runner
from deeprank_mm.utils.usage import UsageError


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from this checkpoint, or from the latest one of the '
        'work folder when none is named',
    )
    parser.add_argument(
        '--pretrained',
        metavar='CHECKPOINT',
        help='load the encoder of this checkpoint, or of the latest one of '
        'this work folder, strictly; "none" trains from scratch',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 on a GPU, bfloat16 on a CPU',
    )
    parser.add_argument(
        '--compile',
        action='store_true',
        help='compile the encoders (torch.compile), which takes a minute '
        'and makes what follows faster',
    )
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not validate during training',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the total batch size',
    )
    launch.add_common_arguments(parser)
    return parser


def configure(args: argparse.Namespace) -> Config:
    """The config of this run, with every option applied."""
    cfg = launch.load_config(args)
    launch.set_resume(cfg, args.resume)
    if args.pretrained is not None:
        launch.set_pretrained(cfg, args.pretrained)
    if args.amp:
        launch.set_amp(cfg)
    if args.compile:
        launch.set_compile(cfg)
    if args.no_validate:
        launch.skip_validation(cfg)
    if args.auto_scale_lr:
        launch.enable_auto_scale_lr(cfg)
    return cfg


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    try:
        runner = build_runner(configure(command.parse_args(argv)))
    except UsageError as error:
        command.error(str(error))
    runner.train()


if __name__ == '__main__':
    # so that torchrun's last words are the error of the process that failed
    record(main)()
    compat.leave_dist()
