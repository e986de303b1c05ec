"""A training step of MV-DeepRank beside one of DeepRank.

Three encoders and nine heads against one of each, on the same batch: stack,
forward, loss, backward and optimiser step of the NW-UCLA configs, taking
turns. Also the heads' part alone: distances, labels, loss and gradient of
all triplets. Three encoders cost three times one; the rest should cost
little.

  python benchmarks/bench_step.py --json work_dirs/bench/step.json
"""

from __future__ import annotations

from typing import Optional, Sequence

from hot_spots import hot_operators
from report import Report, parser
from steps import SIZES, Step
from timing import quotients, spread, take_turns

TARGET = 3.15


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the comparison."""
    options = parser(__doc__, repeats=15, seconds=30)
    options.add_argument('--batch', type=int, default=64)
    args = options.parse_args(argv)
    size = SIZES['small']._replace(batch=args.batch)
    report = Report(
        __file__,
        'MV-DeepRank',
        'A training step of MV-DeepRank, three encoders and nine heads, '
        f'beside one of DeepRank: small ST-GCN, {size}.',
        args,
        argv,
    )
    one, three = (
        Step(method, size, args.device)
        for method in ('deeprank', 'mv_deeprank')
    )
    measured = None
    for part in ('step', 'heads'):
        turns = take_turns(
            [getattr(one, part), getattr(three, part)],
            args.repeats,
            args.device,
            args.seconds,
        )
        single, triple = zip(*turns)
        ratio = quotients(triple, single)
        measured = measured or ratio
        report.row(
            'DeepRank and MV-DeepRank',
            **{
                'part': part,
                'turns': len(turns),
                'DeepRank ms': spread(single, 1e3),
                'MV-DeepRank ms': spread(triple, 1e3),
                'ratio': ratio,
            },
        )
    report.target(
        "MV-DeepRank's step, in steps of DeepRank",
        measured,
        TARGET,
        profile=lambda: hot_operators(three.step, args.device),
    )
    report.write()


if __name__ == '__main__':
    main()
