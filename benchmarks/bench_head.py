"""The exact all-triplet loss beside the paper's formula taken literally.

Forward and backward of TripletRankingHead at the paper's width (D = 256),
interleaved with the version that gathers every triplet, and the memory of a
large batch. Prints ratios with their spread; `--json FILE` also writes them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import torch
import torch.nn.functional as F
from timing import milliseconds, ratios, take_turns, write_json

from deeprank_mm.models import TripletRankingHead
from deeprank_mm.ranking import pairwise_distance

WIDTH = 256


def literal(head: TripletRankingHead, features, distances) -> torch.Tensor:
    """Eqs. 7 to 9 on gathered triplets."""
    triplets = torch.tensor(list(permutations(range(len(features)), 3)))
    a, c1, c2 = triplets.T
    label = (distances[a, c1] >= distances[a, c2]).long()
    first = head.fc0(torch.cat([features[a], features[c1]], 1))
    second = head.fc0(torch.cat([features[a], features[c2]], 1))
    return F.cross_entropy(head.fc1(first - second), label)


def compare(size: int, repeats: int) -> dict:
    """Both losses on the same batch, taking turns."""
    torch.manual_seed(0)
    head = TripletRankingHead(WIDTH)
    features = torch.randn(size, WIDTH, requires_grad=True)
    distances = pairwise_distance(torch.randn(size, WIDTH))
    ours = lambda: head.loss(features, distances).loss  # noqa: E731
    theirs = lambda: literal(head, features, distances)  # noqa: E731
    fast, slow = zip(
        *take_turns(
            [lambda: ours().backward(), lambda: theirs().backward()], repeats
        )
    )
    return dict(
        batch=size,
        exact_ms=milliseconds(fast),
        literal_ms=milliseconds(slow),
        **ratios(fast, slow),
        loss_difference=abs(ours().item() - theirs().item()),
    )


def resident(name: str) -> float:
    """A memory figure of this process in MB: VmRSS, or its peak VmHWM."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f'/proc/self/status has no {name}.')


def peak_memory(size: int, act: str | None) -> float:
    """MB that one forward and backward adds to the process at its peak."""
    head = TripletRankingHead(WIDTH, act=act)
    features = torch.randn(size, WIDTH, requires_grad=True)
    small = torch.randn(8, WIDTH, requires_grad=True)
    head.loss(small, pairwise_distance(small)).loss.backward()
    Path('/proc/self/clear_refs').write_text('5')  # the peak starts anew
    before = resident('VmRSS')
    head.loss(features, pairwise_distance(features)).loss.backward()
    return resident('VmHWM') - before


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--batch', type=int, nargs='+', default=[16, 32, 64])
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--large', type=int, default=1024)
    parser.add_argument('--json', help='also write the results here')
    parser.add_argument('--peak', nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:  # in a process of its own, whose peak is its own
        act = None if args.peak[1] == 'None' else args.peak[1]
        print(peak_memory(int(args.peak[0]), act))
        return
    print(
        f'{torch.get_num_threads()} threads, D = {WIDTH}, forward and '
        f'backward, median of {args.repeats} interleaved'
    )
    rows = []
    for size in args.batch:
        rows.append(compare(size, args.repeats))
        print(
            'B = {batch:5d}: exact {exact_ms:8.2f} ms, literal '
            '{literal_ms:9.1f} ms, ratio {ratio:.0f} ({ratio_min:.0f} to '
            '{ratio_max:.0f}), losses differ by {loss_difference:.1e}'.format(
                **rows[-1]
            ),
            flush=True,
        )
    for act in (None, 'ReLU'):
        out = subprocess.run(
            [sys.executable, __file__, '--peak', str(args.large), str(act)],
            check=True,
            capture_output=True,
            text=True,
        )
        rows.append(dict(batch=args.large, act=act, peak_mb=float(out.stdout)))
        print(
            f'B = {args.large:5d}, act={act}: peak memory of forward and '
            f'backward {rows[-1]["peak_mb"]:.0f} MB',
            flush=True,
        )
    write_json(args.json, rows)


if __name__ == '__main__':
    main()
