"""Export an encoder as plain `backbone.*` weights.

The output is what MMAction2's `load_from` takes: a project that has the
backbone, as stock MMAction2 has ST-GCN, needs nothing of deeprank_mm to use
it.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from typing import Optional, Sequence

import torch

import deeprank_mm
from deeprank_mm.atomic import atomic_write
from deeprank_mm.engine.encoder_weights import KINDS, read_encoder
from deeprank_mm.utils.launch import MODALITIES
from deeprank_mm.utils.usage import resolve


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'checkpoint',
        help="a ranker's, a recogniser's or a bare backbone's, or a work "
        'folder for its latest one',
    )
    parser.add_argument('out', help='the file to write (.pth)')
    parser.add_argument(
        '--modality',
        choices=MODALITIES,
        default='joint',
        help='which encoder of a ranker (default: %(default)s)',
    )
    parser.add_argument(
        '--kind',
        choices=tuple(KINDS),
        help='what the checkpoint is (default: detect)',
    )
    return parser


def export(
    checkpoint: str, out: str, modality: str, kind: Optional[str] = None
) -> str:
    """Write one encoder of a checkpoint.

    Args:
        checkpoint (str): File, URL or work folder.
        out (str): The file to write.
        modality (str): Which encoder of a ranker.
        kind (str, optional): See
            :func:`~deeprank_mm.engine.encoder_weights.read_encoder`.

    Returns:
        str: What was written.

    Raises:
        ValueError: There is no checkpoint, or no such encoder in it.
    """
    found = read_encoder(resolve('checkpoint', checkpoint), modality, kind)
    meta = dict(
        source=found.origin, deeprank_mm_version=deeprank_mm.__version__
    )
    if found.kind == 'ranker':
        meta['modality'] = modality
    if found.skeleton is not None:
        meta['skeleton'] = dict(found.skeleton)
        if found.kind == 'ranker':
            meta['skeleton']['modalities'] = [modality]
    state_dict = {f'backbone.{k}': v for k, v in found.tensors.items()}
    with atomic_write(out) as file:
        torch.save(dict(meta=meta, state_dict=state_dict), file)
    return f'{len(state_dict)} tensors of {found.origin} written to {out}'


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the tool.

    Args:
        argv (Sequence[str], optional): Arguments; defaults to the command
            line's.

    Returns:
        int: 0, or 1 after an error, which is printed.
    """
    args = parser().parse_args(argv)
    try:
        print(export(args.checkpoint, args.out, args.modality, args.kind))
    except (ValueError, OSError, pickle.UnpicklingError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
