"""A pretraining iteration beside the bare encoder.

`train_step` of DeepRank (batch to the device, forward, bank, labels, loss of
all triplets, backward, optimiser) beside forward and backward of its encoder
alone on the same batch, taking turns; and the head's part alone. At the size
of the paper and at the small one of NW-UCLA.

  python benchmarks/bench_iteration.py --json work_dirs/bench/iteration.json
"""

from __future__ import annotations

from typing import Optional, Sequence

from hot_spots import hot_operators
from memory import process_peak
from report import Report, parser
from steps import SIZES, Step
from timing import quotients, spread, take_turns

ITERATION = 1.05
HEAD_PERCENT = dict(paper=2, small=10)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the comparison."""
    options = parser(__doc__, repeats=15, seconds=45)
    options.add_argument(
        '--size', nargs='+', choices=SIZES, default=list(SIZES)
    )
    options.add_argument('--small-batch', type=int, default=64)
    options.add_argument(
        '--paper-batch',
        type=int,
        default=16,
        help="what fits into memory; the paper's 64 takes about 10 GB",
    )
    args = options.parse_args(argv)
    report = Report(
        __file__,
        'The iteration',
        'A pretraining iteration (DeepRank, joint) beside forward and '
        "backward of its encoder on the same batch, at the paper's ST-GCN "
        'and at the small one of NW-UCLA. The head is bank, distances, '
        'labels, loss and gradient of all triplets.',
        args,
        argv,
    )
    for name in args.size:
        compare(report, name, args)
    report.write()


def compare(report: Report, name: str, args) -> None:
    """One size: a row, and its targets."""
    size = SIZES[name]._replace(batch=getattr(args, f'{name}_batch'))
    run = Step('deeprank', size, args.device)
    turns = take_turns(
        [run.encoder, run.step, run.heads],
        args.repeats,
        args.device,
        args.seconds,
    )
    bare, whole, head = zip(*turns)
    ratio = quotients(whole, bare)
    share = spread([100 * h / w for h, w in zip(head, whole)])
    report.row(
        'Iteration, encoder and head',
        **{
            'ST-GCN': f'{name}: {size}',
            'turns': len(turns),
            'encoder ms': spread(bare, 1e3),
            'iteration ms': spread(whole, 1e3),
            'iteration / encoder': ratio,
            'head ms': spread(head, 1e3),
            'head %': share,
            'process peak MB': process_peak(args.device),
        },
    )
    if name == 'paper':
        report.target(
            "iteration, in its encoder's forward and backward, paper's "
            f'ST-GCN at batch {size.batch}',
            ratio,
            ITERATION,
            profile=lambda: hot_operators(run.step, args.device),
        )
    report.target(
        f'head, of the iteration, {name} ST-GCN at batch {size.batch}',
        share,
        HEAD_PERCENT[name],
        ' %',
        profile=lambda: hot_operators(run.heads, args.device),
    )


if __name__ == '__main__':
    main()
