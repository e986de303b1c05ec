"""A step of momentum contrast beside one of DeepRank, same encoder.

SkeletonCLR with MoCo's queue of 32,768 keys: two clips of a sample, one
through the encoder and one through its slow copy, and a key for every row of
the queue. DeepRank: one clip, the bank's rows, all triplets. Both are
`train_step` on batches of as many samples, taking turns. What a method keeps
beside the encoder is counted: its state, of the model and of the bank.

  python benchmarks/bench_contrast.py --json work_dirs/bench/contrast.json
"""

from __future__ import annotations

from typing import Optional, Sequence

from report import Report, parser
from steps import SIZES, Step
from timing import quotients, spread, take_turns


def state_mb(run: Step) -> float:
    """MB of parameters and buffers beside the encoders that learn."""
    return (
        sum(
            value.nbytes
            for name, value in run.model.state_dict().items()
            if not name.startswith('encoders.')
        )
        / 2**20
    )


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the comparison."""
    options = parser(__doc__, repeats=15, seconds=30)
    options.add_argument(
        '--size', nargs='+', choices=SIZES, default=list(SIZES)
    )
    options.add_argument('--small-batch', type=int, default=64)
    options.add_argument('--paper-batch', type=int, default=4)
    options.add_argument('--queue', type=int, default=32768)
    args = options.parse_args(argv)
    report = Report(
        __file__,
        'Beside momentum contrast',
        'A training step of SkeletonCLR (momentum encoder, queue of '
        f'{args.queue:,} keys) beside one of DeepRank with the same encoder '
        'and as many samples. State is what the model keeps beside the '
        'encoder; the bank of DeepRank is another D numbers a sample.',
        args,
        argv,
    )
    for name in args.size:
        size = SIZES[name]._replace(batch=getattr(args, f'{name}_batch'))
        ours = Step('deeprank', size, args.device)
        theirs = Step(
            'skeletonclr', size, args.device, clips=2, queue_size=args.queue
        )
        turns = take_turns(
            [ours.step, theirs.step], args.repeats, args.device, args.seconds
        )
        fast, slow = zip(*turns)
        report.row(
            'Training steps',
            **{
                'ST-GCN': f'{name}: {size}',
                'turns': len(turns),
                'DeepRank ms': spread(fast, 1e3),
                'SkeletonCLR ms': spread(slow, 1e3),
                'SkeletonCLR / DeepRank': quotients(slow, fast),
                'DeepRank state MB': state_mb(ours),
                'SkeletonCLR state MB': state_mb(theirs),
            },
        )
    report.write()


if __name__ == '__main__':
    main()
