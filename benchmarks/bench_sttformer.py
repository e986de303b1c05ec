"""The STTFormer backbone beside its straightforward form.

Forward and backward of the paper's network in training mode, taking turns
with the form that follows the formulas in the layout (N, C, T, V) and has
the same weights. Prints ratios with their spread; `--json FILE` also writes
them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median
from typing import Callable, Tuple

import torch
from timing import milliseconds, ratios, write_json
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deeprank_mm.models import STTFormer, convert_sttformer  # noqa: E402
from deeprank_mm.models.backbones.sttformer import PAPER_CONFIG  # noqa: E402
from tests.models.sttformer_reference import Reference  # noqa: E402


def seconds(forward: Callable[[], Tensor]) -> Tuple[float, float]:
    """Wall time of a forward, and of it and a backward."""
    start = time.perf_counter()
    loss = forward().square().mean()
    middle = time.perf_counter()
    loss.backward()
    return middle - start, time.perf_counter() - start


def compare(batch: int, frames: int, repeats: int) -> dict:
    """Both forms on the same clips, taking turns."""
    torch.manual_seed(0)
    literal = Reference(PAPER_CONFIG, num_frames=frames)
    ours = STTFormer(num_frames=frames)
    weights = convert_sttformer(literal.state_dict())
    prefix = 'backbone.'
    ours.load_state_dict(
        {
            key[len(prefix) :]: value
            for key, value in weights.items()
            if key.startswith(prefix)
        }
    )
    clips = torch.randn(batch, 1, frames, 25, 3)
    official = clips.permute(0, 4, 2, 3, 1).contiguous()
    # in training mode: without statistics of its own, BatchNorm lets an
    # untrained network's features grow until rounding decides them
    with torch.no_grad():
        expected = literal.features(official)
        got = ours(clips).flatten(0, 1)
    error = (got - expected).abs().max() / expected.abs().max()

    def run_ours() -> Tensor:
        return ours(clips)

    def run_literal() -> Tensor:
        return literal.features(official)

    seconds(run_ours)
    seconds(run_literal)
    times = [(seconds(run_ours), seconds(run_literal)) for _ in range(repeats)]
    fast, slow = ([turn[i][1] for turn in times] for i in (0, 1))
    return dict(
        batch=batch,
        frames=frames,
        threads=torch.get_num_threads(),
        ours_ms=milliseconds(fast),
        literal_ms=milliseconds(slow),
        forward_ratio=median(two[0] / one[0] for one, two in times),
        **ratios(fast, slow),
        relative_difference=error.item(),
    )


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--batch', type=int, default=8, help='clips')
    parser.add_argument('--frames', type=int, nargs='+', default=[60, 120])
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--json', help='also write the results here')
    args = parser.parse_args()
    print(
        f'{torch.get_num_threads()} threads, {args.batch} clips of 1 person '
        'and 25 joints, eight blocks of 64 to 256 channels, forward and '
        f'backward in training mode, median of {args.repeats} interleaved'
    )
    rows = []
    for frames in args.frames:
        rows.append(compare(args.batch, frames, args.repeats))
        print(
            'T = {frames:4d}: ours {ours_ms:7.0f} ms, literal '
            '{literal_ms:7.0f} ms, ratio {ratio:.2f} ({ratio_min:.2f} to '
            '{ratio_max:.2f}), forward alone {forward_ratio:.2f}; outputs '
            'differ by {relative_difference:.1e}'.format(**rows[-1]),
            flush=True,
        )
    write_json(args.json, rows)


if __name__ == '__main__':
    main()
