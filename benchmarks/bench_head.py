"""The exact all-triplet loss beside the paper's formula taken literally.

Forward and backward of TripletRankingHead at the paper's width (D = 256),
taking turns with the version that gathers every triplet, which runs as far
as its memory is affordable. Also what both multiply, and the memory that
both add at their peak, each in a process of its own.

  python benchmarks/bench_head.py --json work_dirs/bench/head.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from itertools import permutations
from math import perm
from typing import Callable, Dict, List, Optional, Sequence

import torch
import torch.nn.functional as F
from hot_spots import hot_operators
from memory import peak_added
from report import Report, parser
from timing import quotients, spread, take_turns
from torch import Tensor

from deeprank_mm.models import TripletRankingHead
from deeprank_mm.ranking import pairwise_distance
from deeprank_mm.visualization.style import COLOURS, new_figure, save_figure

WIDTH = 256
# Numbers of the literal version's that live at once for a triplet: two
# concatenations, their products, the difference, and gradients of the last.
LITERAL_BYTES = 4 * (2 * 2 * WIDTH + 5 * WIDTH)
# Of a triplet in our walk: differences, comparisons, masks, softplus,
# sigmoid and sums, counted generously, one each.
SCALAR_OPERATIONS = 30
SPEED_UP, AT = 500, 64
MEMORY_MB, LARGE = 1024, 1024


def literal(
    head: TripletRankingHead, features: Tensor, distances: Tensor
) -> Tensor:
    """Eqs. 7 to 9 on gathered triplets."""
    triplets = torch.tensor(list(permutations(range(len(features)), 3)))
    a, c1, c2 = triplets.T.to(features.device)
    label = (distances[a, c1] >= distances[a, c2]).long()
    first = head.fc0(torch.cat([features[a], features[c1]], 1))
    second = head.fc0(torch.cat([features[a], features[c2]], 1))
    return F.cross_entropy(head.fc1(first - second), label)


def exact(
    head: TripletRankingHead, features: Tensor, distances: Tensor
) -> Tensor:
    """The same number, without a triplet gathered."""
    return head.loss(features, distances).loss


def literal_flops(size: int, width: int = WIDTH) -> int:
    """Floating-point operations of its matrix products.

    Forward: FC0 (2D x D) twice and FC1 (D x 2) a triplet, two operations
    each multiplication; backward as much again for the inputs and for the
    weights.
    """
    forward = 2 * (2 * 2 * width * width) + 2 * 2 * width
    return 3 * perm(size, 3) * forward


def exact_flops(size: int, width: int = WIDTH) -> int:
    """Floating-point operations of the literal reading's table and walk.

    Forward: the two halves of FC0 times FC1's row, and their products with
    the features; three times that with backward. The walk over all triplets
    leaves loss and gradient at once.
    """
    table = 2 * 2 * width * width + 2 * 2 * size * width + 2 * width
    return 3 * table + SCALAR_OPERATIONS * size**3


def problem(size: int, device: str, act: Optional[str] = None) -> tuple:
    """A head, features that want gradients, and distances."""
    torch.manual_seed(0)
    head = TripletRankingHead(WIDTH, act=act).to(device)
    features = torch.randn(size, WIDTH, device=device, requires_grad=True)
    distances = pairwise_distance(torch.randn(size, WIDTH, device=device))
    return head, features, distances


def peak(kind: str, size: int, device: str) -> float:
    """MB that a version's forward and backward adds."""
    act = 'ReLU' if kind == 'relu' else None
    version = literal if kind == 'literal' else exact
    small, large = (problem(n, device, act) for n in (8, size))
    version(*small).backward()
    return peak_added(lambda: version(*large).backward(), device)


def peaks(kind: str, sizes: List[int], device: str) -> Dict[int, float]:
    """Its peaks at several sizes, in a process of its own."""
    if not sizes:
        return {}
    if device != 'cpu':
        return {size: peak(kind, size, device) for size in sizes}
    out = subprocess.run(
        [sys.executable, __file__, '--peaks', kind, *map(str, sizes)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ, MALLOC_MMAP_THRESHOLD_='65536'),
    )
    return dict(zip(sizes, json.loads(out.stdout.splitlines()[-1])))


def draw(rows: List[dict], path: str) -> None:
    """Cost against the size of the batch, three times."""
    figure = new_figure(10, 3.2)
    for axes, name, scale in zip(
        figure.subplots(1, 3),
        (
            'forward and backward (ms)',
            'operations (GFLOP)',
            'peak memory (MB)',
        ),
        ('ms', 'GFLOP', 'MB'),
    ):
        for kind, colour, marker in (
            ('exact', COLOURS[0], 'o'),
            ('literal', COLOURS[3], 's'),
        ):
            points = [
                (row['B'], row[f'{kind} {scale}'])
                for row in rows
                if row[f'{kind} {scale}'] is not None
            ]
            if not points:
                continue
            sizes, values = zip(*points)
            values = [v['median'] if scale == 'ms' else v for v in values]
            axes.loglog(sizes, values, color=colour, marker=marker, label=kind)
        axes.set_xlabel('samples in the batch')
        axes.set_title(name, fontsize=9)
        axes.set_xticks(
            [row['B'] for row in rows], [str(row['B']) for row in rows]
        )
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.spines[['top', 'right']].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def options() -> argparse.ArgumentParser:
    """What can be chosen."""
    out = parser(__doc__, repeats=5, seconds=12)
    out.add_argument(
        '--batch',
        type=int,
        nargs='+',
        default=[16, 32, 64, 128, 256, 512, 1024],
    )
    out.add_argument(
        '--literal-gb',
        type=float,
        default=4.0,
        help='memory that the literal version may take',
    )
    out.add_argument('--peaks', nargs='+', help=argparse.SUPPRESS)
    return out


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the comparison."""
    args = options().parse_args(argv)
    if args.peaks:
        kind, *sizes = args.peaks
        print(json.dumps([peak(kind, int(n), args.device) for n in sizes]))
        return
    affordable = [
        size
        for size in args.batch
        if perm(size, 3) * LITERAL_BYTES <= args.literal_gb * 2**30
    ]
    report = Report(
        __file__,
        'The ranking loss',
        'Forward and backward of the loss over all ordered triplets, ours '
        'beside the version that gathers every triplet. It is run up to '
        f'about {args.literal_gb:g} GB; beyond that its operations are '
        'counted. Operations are counted by formula, ours with '
        f'{SCALAR_OPERATIONS} a triplet outside of matrix products. '
        f'D = {WIDTH}.',
        args,
        argv,
    )
    memory = {
        kind: peaks(kind, sizes, args.device)
        for kind, sizes in (
            ('exact', args.batch),
            ('literal', affordable),
            ('relu', [n for n in args.batch if n == LARGE]),
        )
    }
    rows = []
    ratio = None
    for size in args.batch:
        row, times = measure(size, size in affordable, args)
        for kind in ('exact', 'literal'):
            row[f'{kind} MB'] = memory[kind].get(size)
        if size == AT:
            ratio = times
        rows.append(row)
        report.row('Cost against the size of the batch', **row)
    report.target(
        f'times faster than the literal version at B = {AT}',
        ratio,
        SPEED_UP,
        at_least=True,
        profile=lambda: hot_operators(step(exact, AT, args), args.device),
    )
    for kind, name in (('exact', "the paper's head"), ('relu', 'with ReLU')):
        report.target(
            f'memory that B = {LARGE} adds, {name}',
            memory[kind].get(LARGE),
            MEMORY_MB,
            ' MB',
        )
    report.write(lambda path: draw(rows, path))


def step(
    version: Callable[..., Tensor], size: int, args: argparse.Namespace
) -> Callable[[], None]:
    """A forward and backward of a version."""
    given = problem(size, args.device)
    return lambda: version(*given).backward()


def measure(size: int, with_literal: bool, args: argparse.Namespace) -> tuple:
    """A row of the table, and how many times faster ours is."""
    steps = [step(exact, size, args)]
    difference = None
    if with_literal:
        steps.append(step(literal, size, args))
        given = problem(size, args.device)
        difference = abs(exact(*given).item() - literal(*given).item())
    turns = take_turns(
        steps,
        args.repeats,
        args.device,
        args.seconds,
        warm_up=size < 512,  # the smaller sizes have warmed the same code
    )
    ours, *theirs = zip(*turns)
    ratio = quotients(theirs[0], ours) if theirs else None
    row = {
        'B': size,
        'triplets': perm(size, 3),
        'turns': len(turns),
        'exact ms': spread(ours, 1e3),
        'literal ms': spread(theirs[0], 1e3) if theirs else None,
        'ratio': ratio,
        'losses differ by': difference,
        'exact GFLOP': exact_flops(size) / 1e9,
        'literal GFLOP': literal_flops(size) / 1e9,
    }
    return row, ratio


if __name__ == '__main__':
    main()
