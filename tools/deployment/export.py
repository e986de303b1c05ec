r"""Export a finetuned recogniser as TorchScript or ONNX.

The file maps skeletons (batch, clips, persons, frames, joints, channels), as
the test pipeline makes them, to probabilities (batch, classes), and needs
neither MMAction2 nor this package. It is compared with the model after it was
written; if it computes something else, that is an error.

  python tools/deployment/export.py work_dirs/finetune/stgcn_nwucla_xview \
      recogniser.pt
  python tools/deployment/export.py work_dirs/finetune/stgcn_nwucla_xview \
      recogniser.onnx --format onnx

  >>> import torch
  >>> scores = torch.jit.load('recogniser.pt')(skeletons)
"""

from __future__ import annotations

import argparse
from typing import Sequence

import deeprank_mm  # noqa: F401  (registers the components)
from deeprank_mm.apis import SkeletonInferencer
from deeprank_mm.apis.deployment import FORMATS, export
from deeprank_mm.utils.usage import UsageError


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'checkpoint',
        help='of a recogniser, or a work folder for its latest one',
    )
    parser.add_argument('out', help='the file to write')
    parser.add_argument(
        '--format',
        choices=FORMATS,
        default='torchscript',
        help='onnx needs the package onnx (default: %(default)s)',
    )
    parser.add_argument(
        '--config', help="a config (default: the checkpoint's own)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    try:
        inferencer = SkeletonInferencer(
            args.config or args.checkpoint,
            args.checkpoint if args.config else None,
            device='cpu',
        )
        print(export(inferencer, args.out, args.format))
    except UsageError as error:
        command.error(str(error))


if __name__ == '__main__':
    main()
