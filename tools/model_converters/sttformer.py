"""Convert official STTFormer weights to an MMAction2 checkpoint.

The output loads into a `RecognizerGCN` of an `STTFormer` backbone and a
`GCNHead`, whose sizes are printed. A weight that is missing, unknown or of
another shape is an error.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence

import torch
from torch import Tensor

import deeprank_mm
from deeprank_mm.models.backbones import convert_sttformer, infer_sttformer


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', type=Path, help='official weights (.pt)')
    parser.add_argument('target', type=Path, help='checkpoint to write (.pth)')
    return parser


def read(path: Path) -> Mapping[str, Tensor]:
    """Load a state dict, bare or under ``state_dict``, and nothing else.

    Args:
        path (Path): The official file.

    Returns:
        Mapping[str, Tensor]: Tensors by name.

    Raises:
        ValueError: If the file is not readable safely, or holds anything
            but tensors by name.
    """
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except OSError:
        raise
    except Exception as error:  # arbitrary bytes raise nearly anything
        reason = str(error).strip().splitlines()[0] if str(error) else 'empty'
        raise ValueError(
            f'{path} is not a file of weights that can be read safely '
            f'({reason}).'
        ) from error
    if isinstance(content, Mapping):
        content = content.get('state_dict', content)
    if not isinstance(content, Mapping) or not all(
        isinstance(value, Tensor) for value in content.values()
    ):
        raise ValueError(
            f'{path} does not hold tensors by name, bare or under '
            "'state_dict'."
        )
    return content


def write(checkpoint: Dict[str, Any], path: Path) -> None:
    """Save so that the file is either whole or what it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # in the target's own folder: replacing is atomic in one file system
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        with open(part, 'wb') as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def describe(arguments: Mapping[str, Any], classes: int) -> str:
    """Say which model the weights are for."""
    in_tuple = arguments['num_joints'] * arguments['len_parts']
    blocks = ', '.join(str(widths) for widths in arguments['config'])
    return '\n'.join(
        (
            f'in_channels  {arguments["in_channels"]}',
            f'num_joints x len_parts  {in_tuple}',
            f'num_heads    {arguments["num_heads"]}',
            f'kernel_size  {arguments["kernel_size"]}',
            f'use_pes      {arguments["use_pes"]}',
            f'config       {blocks}',
            f'num_classes  {classes}',
        )
    )


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the conversion.

    Args:
        argv (Sequence[str], optional): Arguments; defaults to the command
            line's.

    Returns:
        int: 0, or 1 after an error, which is printed.
    """
    args = parser().parse_args(argv)
    try:
        official = read(args.source)
        arguments = infer_sttformer(official)
        state_dict = convert_sttformer(official)
        meta = dict(
            source='official STTFormer weights',
            deeprank_mm_version=deeprank_mm.__version__,
        )
        write(dict(meta=meta, state_dict=state_dict), args.target)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(describe(arguments, len(state_dict['cls_head.fc.weight'])))
    print(f'{len(state_dict)} tensors written to {args.target}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
