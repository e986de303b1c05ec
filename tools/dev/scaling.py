"""The tables of docs/scaling.md, computed from the cost model there.

python tools/dev/scaling.py            # print the tables
python tools/dev/scaling.py --measure  # the encoder's constants, measured
"""

from __future__ import annotations

import argparse
from typing import Iterator, List, Sequence

# Measured: python tools/dev/scaling.py --measure
FLOPS = 13.7e9  # forward of a sequence: ST-GCN, 2 persons, 120 frames
PARAMETERS = 3.08e6
ID_BYTES = 143  # a process's memory for an id of 20 characters
# NTU RGB+D's mean: 1.3 persons, 85 frames, 25 joints, 3 float32
SEQUENCE_BYTES = 1.3 * 85 * 25 * 3 * 4

# Assumed of a device: change them for yours.
SUSTAINED = 10e12  # FLOP/s that the encoder reaches
NETWORK = 10e9  # bytes/s between devices
DISK = 1e9  # bytes/s of the folder of banks

BATCH, WIDTH, EPOCHS = 64, 256, 30  # a device's batch, D, epochs a cycle
SAMPLES = (40_000, 1_000_000, 100_000_000)
DEVICES = (1, 8, 256)


def step_seconds(devices: int, modalities: int = 1) -> float:
    """A training step: three forwards' work, then the gradients' sum."""
    compute = 3 * FLOPS * BATCH * modalities / SUSTAINED
    ring = 2 * (devices - 1) / devices * 4 * PARAMETERS * modalities
    return compute + ring / NETWORK


def refresh_seconds(samples: int, devices: int, modalities: int = 1) -> float:
    """One inference pass over the data."""
    return FLOPS * samples * modalities / devices / SUSTAINED


def bank_bytes(samples: int, modalities: int = 1, size: int = 4) -> float:
    """Rows of all modalities."""
    return samples * WIDTH * modalities * size


def gather_bytes(samples: int, devices: int, modalities: int = 1) -> float:
    """What a process receives of a bank in memory."""
    return bank_bytes(samples, modalities) * (devices - 1) / devices


def merge_seconds(samples: int, modalities: int = 1, size: int = 4) -> float:
    """A mapped bank: rows are written, read, written in order and hashed."""
    return 4 * bank_bytes(samples, modalities, size) / DISK


def time(seconds: float) -> str:
    """Seconds as people say them."""
    for limit, unit, name in (
        (1, 1e-3, 'ms'),
        (100, 1, 's'),
        (6000, 60, 'min'),
        (172_800, 3600, 'h'),
    ):
        if seconds < limit:
            return f'{seconds / unit:.3g} {name}'
    return f'{seconds / 86_400:.3g} d'


def size(number: float) -> str:
    """Bytes as people say them."""
    for power, name in ((12, 'TB'), (9, 'GB'), (6, 'MB'), (3, 'kB')):
        if number >= 10**power:
            return f'{number / 10**power:.3g} {name}'
    return f'{number:.0f} B'


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> List[str]:
    """A table in Markdown."""
    lines = [head, ['---'] * len(head), *rows]
    return [f'| {" | ".join(line)} |' for line in lines]


def time_rows() -> Iterator[Sequence[str]]:
    """Seconds of compute and communication."""
    for samples in SAMPLES:
        for devices in DEVICES:
            step = step_seconds(devices)
            steps = samples / devices / BATCH
            refresh = refresh_seconds(samples, devices)
            yield (
                f'{samples:,}',
                str(devices),
                time(step),
                time(step * steps),
                time(refresh),
                f'{refresh / (refresh + EPOCHS * step * steps):.1%}',
                time(gather_bytes(samples, devices) / NETWORK),
                time(merge_seconds(samples, size=2)),
            )


def memory_rows() -> Iterator[Sequence[str]]:
    """Bytes of a process or of a file."""
    for samples in SAMPLES:
        yield (
            f'{samples:,}',
            size(samples * SEQUENCE_BYTES),
            size(bank_bytes(samples)),
            size(bank_bytes(samples, size=2)),
            size(bank_bytes(samples, modalities=3)),
            size(bank_bytes(samples, modalities=3, size=2)),
            size(samples * ID_BYTES),
        )


def tables() -> str:
    """Both tables."""
    times = table(
        (
            'sequences',
            'devices',
            'step',
            'epoch',
            'refresh',
            'share of a cycle',
            'gathering, in memory',
            'merging, mapped float16',
        ),
        time_rows(),
    )
    memory = table(
        (
            'sequences',
            'skeletons',
            'bank, float32',
            'float16',
            '3 modalities, float32',
            'float16',
            'ids',
        ),
        memory_rows(),
    )
    return '\n'.join([*times, '', *memory])


def measure() -> None:
    """Measure the encoder's constants and an id's memory."""
    import tracemalloc

    import torch
    from mmaction.registry import MODELS
    from mmengine.registry import DefaultScope
    from torch.utils.flop_counter import FlopCounterMode

    import deeprank_mm  # noqa: F401

    graph = dict(layout='nturgb+d', mode='stgcn_spatial')
    with DefaultScope.overwrite_default_scope('mmaction'):
        encoder = MODELS.build(dict(type='STGCN', graph_cfg=graph)).eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        encoder(torch.randn(1, 2, 120, 25, 3))
    parameters = sum(p.numel() for p in encoder.parameters())
    tracemalloc.start()
    ids = [f'S001C001P001R{i:07d}' for i in range(100_000)]
    rows = {name: i for i, name in enumerate(ids)}
    used = tracemalloc.get_traced_memory()[0] / len(rows)
    print(
        f'FLOPS {counter.get_total_flops():.3g}, PARAMETERS '
        f'{parameters:.3g}, ID_BYTES {used:.0f}'
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--measure', action='store_true')
    if parser.parse_args(argv).measure:
        measure()
    else:
        print(tables())


if __name__ == '__main__':
    main()
