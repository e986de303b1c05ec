"""The pretraining pipeline beside MMAction2's standard NTU 3D pipeline.

Milliseconds that one worker takes a sample, both read from one annotation
file of skeletons like NTU RGB+D's that the program makes (25 joints, one or
two persons, 32 to 300 frames, about 85), taking turns. Ours is that of
configs/_base_/datasets/ntu60_xsub_pretrain.py with augmentation keyed by
sample as in training, plain and with the first step cached; MMAction2's own
is also read through the cache of `SkeletonDataset`.

  python benchmarks/bench_data.py --json work_dirs/bench/data.json
"""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Sequence

import numpy as np
import torch
from hot_spots import hot_functions
from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from report import Report, parser
from timing import quotients, spread, take_turns

CONFIG = 'configs/_base_/datasets/ntu60_xsub_pretrain.py'
TARGET_MS = 0.30
STANDARD = [
    dict(type='PreNormalize3D'),
    dict(type='GenSkeFeat', dataset='nturgb+d', feats=['j']),
    dict(type='UniformSampleFrames', clip_len=100),
    dict(type='PoseDecode'),
    dict(type='FormatGCNInput', num_person=2),
    dict(type='PackActionInputs'),
]


def write_annotations(path: Path, samples: int) -> None:
    """Skeletons of the size of NTU RGB+D's, three in ten of two persons."""
    rng = np.random.default_rng(0)
    annotations = []
    for i in range(samples):
        frames = int(np.clip(rng.normal(85, 35), 32, 300))
        people = 2 if i % 10 < 3 else 1
        pose = rng.normal(scale=0.3, size=(people, 1, 25, 3))
        walk = rng.normal(scale=0.01, size=(people, frames, 25, 3)).cumsum(1)
        annotations.append(
            dict(
                frame_dir=f'S001C001P{i % 40:03d}R001A{i % 60 + 1:03d}_{i}',
                label=i % 60,
                keypoint=(pose + walk + [0, 0, 3]).astype(np.float32),
                total_frames=frames,
            )
        )
    ids = [sample['frame_dir'] for sample in annotations]
    content = dict(
        split=dict(xsub_train=ids, xsub_val=ids), annotations=annotations
    )
    path.write_bytes(pickle.dumps(content))


def data_sets(folder: str, samples: int) -> Dict[str, Any]:
    """Everything that is compared, by name."""
    path = Path(folder) / 'ntu.pkl'
    write_annotations(path, samples)
    config = Config.fromfile(Path(__file__).resolve().parents[1] / CONFIG)
    ours = dict(type='SkeletonDataset', ann_file=str(path))
    ours['split'] = 'xsub_train'
    train = dict(ours, pipeline=config.train_dataloader.dataset.pipeline)
    test = dict(ours, pipeline=config.val_dataloader.dataset.pipeline)
    standard = dict(ours, pipeline=STANDARD)
    cache = dict(steps=1)
    named = {
        'MMAction2, NTU 3D': dict(standard, type='PoseDataset'),
        'MMAction2, NTU 3D, its first step cached': dict(
            standard, cache=cache
        ),
        'pretraining': train,
        'pretraining, cached': dict(train, cache=cache),
        'extraction and testing': dict(test, test_mode=True),
        'extraction and testing, cached': dict(
            test, test_mode=True, cache=cache
        ),
    }
    with DefaultScope.overwrite_default_scope('mmaction'):
        built = {name: DATASETS.build(cfg) for name, cfg in named.items()}
    for name in ('pretraining', 'pretraining, cached'):
        built[name].set_random_key(0, 1)
    return built


def reading(dataset: Any) -> Callable[[], None]:
    """Read all samples once."""

    def read() -> None:
        for i in range(len(dataset)):
            dataset[i]

    return read


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the comparison."""
    options = parser(__doc__, repeats=15, seconds=40)
    options.add_argument('--samples', type=int, default=200)
    args = options.parse_args(argv)
    torch.set_num_threads(1)  # as in a worker
    report = Report(
        __file__,
        'Data',
        f'Reading {args.samples} samples like NTU RGB+D, a worker of one '
        "thread: our pipelines beside MMAction2's standard NTU 3D pipeline, "
        'the same annotation file.',
        args,
        argv,
    )
    with tempfile.TemporaryDirectory() as folder:
        compared = data_sets(folder, args.samples)
        reads = [reading(dataset) for dataset in compared.values()]
        turns = take_turns(reads, args.repeats, seconds=args.seconds)
        times = dict(zip(compared, zip(*turns)))
        stock = times['MMAction2, NTU 3D']
        for name, seconds in times.items():
            report.row(
                'Reading a sample',
                **{
                    'pipeline': name,
                    'turns': len(turns),
                    'ms': spread(seconds, 1e3 / args.samples),
                    'times faster than stock': quotients(stock, seconds),
                },
            )
        for name in ('pretraining, cached', 'extraction and testing, cached'):
            report.target(
                f'a sample, {name}',
                spread(times[name], 1e3 / args.samples),
                TARGET_MS,
                ' ms',
                profile=lambda name=name: hot_functions(
                    reading(compared[name])
                ),
            )
    report.write()


if __name__ == '__main__':
    main()
