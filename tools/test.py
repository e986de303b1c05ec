"""Evaluate a checkpoint, or an untrained encoder, from a config."""

from __future__ import annotations

import argparse
from typing import Sequence

from mmengine.config import Config
from torch.distributed.elastic.multiprocessing.errors import record

import deeprank_mm  # noqa: F401  (registers the components)
from deeprank_mm import compat
from deeprank_mm.utils import launch
from deeprank_mm.utils.runner import build_runner, load_encoders, load_weights
from deeprank_mm.utils.usage import UsageError


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='path of the checkpoint, or of a work folder for its latest one; '
        'every tensor must fit the model',
    )
    parser.add_argument(
        '--encoder',
        metavar='CHECKPOINT',
        help='instead of a checkpoint of the whole model, with a pretraining '
        'config: evaluate the encoder of this one, which may be a '
        "ranker's, a recogniser's or a bare backbone",
    )
    parser.add_argument(
        '--random-init',
        choices=('raw', 'calibrated'),
        help='instead of a checkpoint: weights as initialised, with '
        'BatchNorm statistics as initialised or estimated on the data',
    )
    parser.add_argument(
        '--dump',
        metavar='FILE',
        help='also save the predictions to this .pkl file',
    )
    launch.add_common_arguments(parser)
    return parser


def configure(args: argparse.Namespace) -> Config:
    """The config of this run, with every option applied."""
    cfg = launch.load_config(args)
    launch.set_checkpoint(cfg, args.checkpoint, args.random_init, args.encoder)
    if args.dump is not None:
        launch.dump_predictions(cfg, args.dump)
    return cfg


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    # Intermixed, so that the checkpoint may also follow an option.
    args = command.parse_intermixed_args(argv)
    try:
        runner = build_runner(configure(args))
        load_weights(runner, args.checkpoint)
        if args.encoder is not None:
            load_encoders(runner, args.encoder)
    except UsageError as error:
        command.error(str(error))
    runner.test()


if __name__ == '__main__':
    # so that torchrun's last words are the error of the process that failed
    record(main)()
    compat.leave_dist()
