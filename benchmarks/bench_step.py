"""A training step of MV-DeepRank beside one of DeepRank.

Three encoders and nine heads against one of each, on the same batch: stack,
forward, loss, backward and optimiser step of the NW-UCLA configs (the small
ST-GCN, 64 sequences of 32 frames, 20 joints and one person), taking turns.
Also the heads' part alone: distances, labels, loss and gradient of all
triplets. Three encoders cost three times one; the rest should cost little
(target: 3.15 in all). `--json FILE` also writes the results.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Callable

import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from timing import milliseconds, ratios, take_turns, write_json

from deeprank_mm.models import MultiViewRanker
from deeprank_mm.structures import FeatureBank

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
TARGET = 3.15
ALL = ('joint', 'bone', 'motion')
JOINTS, WIDTH = 20, 64
LINE = (
    'DeepRank {deeprank_ms:6.1f} ms, MV-DeepRank {mv_deeprank_ms:7.1f} ms, '
    'ratio {ratio:.2f} ({ratio_min:.2f} to {ratio_max:.2f})'
)


class Run:
    """One config's model with random labels, and a batch for it."""

    def __init__(self, method: str, batch: int, frames: int) -> None:
        config = Config.fromfile(CONFIGS / method / 'stgcn_nwucla_xview.py')
        # every step does the same work on the same weights
        config.optim_wrapper.optimizer.lr = 0.0
        with DefaultScope.overwrite_default_scope('mmaction'):
            self.model: MultiViewRanker = MODELS.build(config.model)
        self.model.train()
        self.optimizer = build_optim_wrapper(self.model, config.optim_wrapper)
        torch.manual_seed(0)
        self.ids = [f'{i:04d}' for i in range(batch)]
        self.model.train_bank = FeatureBank(
            self.ids, {name: torch.randn(batch, WIDTH) for name in ALL}
        )
        channels = 3 * len(self.model.modalities)
        skeletons = torch.randn(batch, 1, 1, frames, JOINTS, 9)
        self.data = dict(
            inputs=list(skeletons[..., :channels].contiguous()),
            data_samples=[
                ActionDataSample(metainfo=dict(sample_id=name))
                for name in self.ids
            ],
        )
        self.features = {
            name: torch.randn(batch, WIDTH, requires_grad=True)
            for name in self.model.modalities
        }

    def step(self) -> None:
        """One step of training."""
        self.model.train_step(self.data, self.optimizer)

    def heads(self) -> None:
        """Its part after the encoders, forward and backward."""
        ranked = self.model.rank(
            self.features, self.ids, self.model.train_bank
        )
        sum(result.loss for result in ranked.values()).backward()


def compare(
    one: Callable[[], None], three: Callable[[], None], repeats: int
) -> dict:
    """Times of both, taking turns."""
    fast, slow = zip(*take_turns([one, three], repeats))
    return dict(
        deeprank_ms=milliseconds(fast),
        mv_deeprank_ms=milliseconds(slow),
        **ratios(fast, slow),
    )


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--frames', type=int, default=32)
    parser.add_argument('--repeats', type=int, default=15)
    parser.add_argument('--json', help='also write the results here')
    args = parser.parse_args()
    one, three = (
        Run(method, args.batch, args.frames)
        for method in ('deeprank', 'mv_deeprank')
    )
    print(
        f'{torch.get_num_threads()} threads, {args.batch} sequences of '
        f'{args.frames} frames, {JOINTS} joints, 1 person, ST-GCN with '
        f'features of {WIDTH}, median of {args.repeats} interleaved'
    )
    rows = dict(
        threads=torch.get_num_threads(),
        batch=args.batch,
        frames=args.frames,
        target=TARGET,
    )
    for part in ('step', 'heads'):
        rows[part] = compare(
            getattr(one, part), getattr(three, part), args.repeats
        )
        print(f'{part:5}: {LINE.format(**rows[part])}', flush=True)
    met = rows['step']['ratio'] <= TARGET
    print(
        f'target: a step of at most {TARGET} times, '
        f'{"met" if met else "missed"}'
    )
    write_json(args.json, rows)


if __name__ == '__main__':
    main()
