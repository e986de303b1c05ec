r"""Evaluate encoders by every protocol, into one table.

Runs what is asked in order of cost, keeps finished cells, and writes
table.md, table.csv and table.json after each: call it again after an
interruption, or with more rows, seeds or protocols, and it goes on.

  python tools/benchmark.py --config configs/finetune/stgcn_nwucla_xview.py \
      --semi-config configs/semi/stgcn_nwucla_xview_10pct.py \
      --checkpoint 'DeepRank=work_dirs/3s_deeprank_{seed}' \
      --protocols knn,linear,semi@0.1 --modalities joint,bone,motion \
      --seeds 0-2 --out work_dirs/benchmark/nwucla
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Sequence

from mmengine.config import DictAction
from mmengine.dist import init_dist, is_distributed

from deeprank_mm import compat
from deeprank_mm.protocols import (
    Benchmark,
    Source,
    parse_protocols,
    parse_seeds,
)
from deeprank_mm.utils.launch import MODALITIES
from deeprank_mm.utils.usage import UsageError


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--config',
        required=True,
        help='finetuning config: backbone, data and schedule',
    )
    parser.add_argument(
        '--semi-config',
        help='config of the semi-supervised runs (default: --config)',
    )
    parser.add_argument(
        '--checkpoint',
        nargs='+',
        default=[],
        metavar='NAME=PATH',
        help='a row each: a pretrained checkpoint or its work folder, in '
        'which {seed}, {seed%%3} (modulo 3) and {modality} are replaced',
    )
    parser.add_argument(
        '--untrained',
        default='random,scratch',
        help='rows without a checkpoint: random (BatchNorm calibrated), '
        'random-raw, distances (between joints: no encoder), scratch, or '
        'nothing (default: %(default)s)',
    )
    parser.add_argument(
        '--protocols',
        default='knn,linear',
        help='of knn, knn@K, linear, linear@SHARE, semi@SHARE, finetune '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--modalities',
        default='joint',
        help=f'of {",".join(MODALITIES)}; several are also fused '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--seeds', default='0', help='as 0-4 or 0,2,5 (default: %(default)s)'
    )
    parser.add_argument(
        '--baseline',
        metavar='NAME',
        help='the row to compare with (default: the untrained encoder)',
    )
    parser.add_argument('--title', help='what the table is of')
    parser.add_argument('--out', type=Path, required=True, help='the folder')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of both configs, as key=value',
    )
    parser.add_argument(
        '--launcher', choices=('none', 'pytorch'), default='none'
    )
    return parser


def build(args: argparse.Namespace) -> Benchmark:
    """The benchmark that the options ask for."""
    modalities = [m for m in args.modalities.split(',') if m]
    unknown = [m for m in modalities if m not in MODALITIES]
    if unknown or not modalities:
        raise UsageError(
            f'--modalities {args.modalities}: takes {",".join(MODALITIES)}.'
        )
    for path in filter(None, (args.config, args.semi_config)):
        if not Path(path).is_file():
            raise UsageError(f'config file {path} does not exist.')
    sources = [
        Source.untrained(name) for name in args.untrained.split(',') if name
    ]
    sources += [Source.parse(text) for text in args.checkpoint]
    names = [source.name for source in sources]
    if len(set(names)) < len(names) or not names:
        raise UsageError(f'rows must have names of their own, got {names}.')
    if args.baseline is not None and args.baseline not in names:
        raise UsageError(
            f'--baseline {args.baseline}: there is no such row, only {names}.'
        )
    return Benchmark(
        config=args.config,
        semi_config=args.semi_config,
        out=args.out,
        sources=sources,
        protocols=parse_protocols(args.protocols),
        modalities=modalities,
        seeds=parse_seeds(args.seeds),
        options=args.cfg_options,
        baseline=args.baseline,
        launcher=args.launcher,
        title=args.title,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    try:
        compat.init_cpu_dist(args.launcher)
        if args.launcher != 'none' and not is_distributed():
            init_dist(args.launcher)
        benchmark = build(args)
        failed = benchmark.run()
    except UsageError as error:
        command.error(str(error))
    print((benchmark.out / 'table.md').read_text())
    if failed:
        raise SystemExit(
            f'{len(failed)} cell(s) failed and stay empty:\n'
            + '\n'.join(failed)
        )


if __name__ == '__main__':
    main()
    compat.leave_dist()
