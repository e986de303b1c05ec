"""How fast tools/data/ntu.py reads, in MB of .skeleton text a minute.

Writes synthetic recordings of NTU's form and usual size to a temporary
folder, then converts them as the tool does, parsing, body selection and
checks included, in one process and in several. Prints the median of the
repeats with its spread; `--json FILE` also writes them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from deeprank_mm.datasets import ntu
from deeprank_mm.datasets.conversion import read_files

FRAMES = 80
CONVERSION = ntu.CONVERSIONS['ntu60']


def skeleton_text(rng: np.random.Generator, bodies: int) -> str:
    """A recording of people who stand and sway, as the sensor writes it."""
    pose = rng.normal(0, (0.2, 0.5, 0.1), size=(bodies, 25, 3))
    lines = [f'{FRAMES}']
    for frame in range(FRAMES):
        lines.append(f'{bodies}')
        for body in range(bodies):
            lines.append(
                f'{72057594037931101 + body} 0 1 1 1 1 0 0.02764709 0.05745083'
                ' 2'
            )
            lines.append('25')
            joints = pose[body] + 0.1 * np.sin(frame / 9) + (0, 0, 3)
            rest = rng.uniform(-1, 1, size=(25, 8)) * ([400] * 4 + [1] * 4)
            lines += [
                ' '.join(f'{number:.7g}' for number in (*xyz, *others)) + ' 2'
                for xyz, others in zip(joints, rest)
            ]
    return '\r\n'.join(lines) + '\r\n'


def write_files(folder: Path, count: int) -> float:
    """Write recordings, a fifth of them of two people; returns their MB."""
    rng = np.random.default_rng(0)
    # Making text is slower than reading it: the names differ, a few texts
    # go round.
    texts = [skeleton_text(rng, 1 + (i == 0)).encode() for i in range(5)]
    size = 0
    for i in range(count):
        name = f'S001C001P{1 + i // 60:03d}R001A{1 + i % 60:03d}.skeleton'
        size += (folder / name).write_bytes(texts[i % len(texts)])
    return size / 1e6


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--files', type=int, default=300)
    parser.add_argument('--workers', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--json', help='also write the results here')
    args = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        megabytes = write_files(Path(folder), args.files)
        print(f'{args.files} files, {megabytes:.0f} MB')
        for workers in args.workers:
            rates = []
            for _ in range(args.repeats):
                start = time.perf_counter()
                files, _ = ntu.select_files('ntu60', Path(folder))
                samples, problems = read_files(CONVERSION, files, workers)
                seconds = time.perf_counter() - start
                assert len(samples) == args.files and not problems
                rates.append(60 * megabytes / seconds)
            results.append(dict(workers=workers, mb_per_minute=rates))
            print(
                f'{workers} process(es): {median(rates):.0f} MB/min '
                f'({min(rates):.0f} to {max(rates):.0f})'
            )
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=2) + '\n')


if __name__ == '__main__':
    main()
