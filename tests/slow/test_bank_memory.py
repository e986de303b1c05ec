"""A bank that is larger than memory gives the labels that it gives in it.

``python -m tests.slow.test_bank_memory STORAGE DTYPE MARGIN_MB FOLDER`` is
the run: it may hold MARGIN_MB more than when it began.
"""

import hashlib
import json
import os
import subprocess
import sys

import pytest
import torch
from mmaction.structures import ActionDataSample

from deeprank_mm.engine.extraction import (
    extract_features,
    extract_to_file,
    feature_loader,
)
from deeprank_mm.engine.label_statistics import feature_spread
from deeprank_mm.ranking import pairwise_distance

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != 'linux', reason='limits memory'),
]

SAMPLES, WIDTH, MARGIN_MB = 10_000, 4096, 70
BANK_MB = SAMPLES * WIDTH * 4 / 1e6
BATCHES, BATCH = 40, 64


class Vectors(torch.utils.data.Dataset):
    """Each sample is its own feature, the same whenever it is read."""

    def __len__(self):
        return SAMPLES

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return dict(
            inputs=torch.randn(WIDTH, generator=generator),
            data_samples=ActionDataSample(
                metainfo=dict(sample_id=f'clip{index:06d}')
            ),
        )


class Identity(torch.nn.Module):
    def data_preprocessor(self, batch, training):
        return dict(batch, inputs=torch.stack(batch['inputs']))

    def extract_feat(self, inputs):
        return dict(joint=inputs)


def limit_memory(margin_mb):
    """What a process allocates, mapped files aside, may grow by so much."""
    import resource

    with open('/proc/self/status') as file:
        (line,) = (line for line in file if line.startswith('VmData'))
    now = int(line.split()[1]) * 1024
    most = now + margin_mb * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def main(storage, dtype, margin_mb, folder):
    torch.set_num_threads(1)
    loader = feature_loader(Vectors(), batch_size=BATCH)
    if margin_mb:
        limit_memory(margin_mb)
    if storage == 'memory':
        bank = extract_features(Identity(), loader)
    else:
        path = os.path.join(folder, f'{dtype}.pth')
        bank = extract_to_file(Identity(), loader, path, dtype)
    generator = torch.Generator().manual_seed(0)
    exact, packed = hashlib.sha256(), []
    for _ in range(BATCHES):
        rows = torch.randint(len(bank), (BATCH,), generator=generator)
        distances = pairwise_distance(bank.lookup(rows)['joint'])
        closer = distances[:, :, None] < distances[:, None, :]
        exact.update(closer.numpy().tobytes())
        packed = [*packed[:3], closer]
    torch.save(torch.stack(packed), os.path.join(folder, f'{storage}{dtype}'))
    spread = feature_spread(bank.features['joint'])
    print(json.dumps(dict(labels=exact.hexdigest(), spread=spread)))


def run(repo_root, folder, storage, dtype, margin_mb=0):
    return subprocess.run(
        [
            *(sys.executable, '-m', 'tests.slow.test_bank_memory'),
            *(storage, dtype, str(margin_mb), str(folder)),
        ],
        capture_output=True,
        text=True,
        cwd=repo_root,
        env=dict(os.environ, OMP_NUM_THREADS='1', MALLOC_ARENA_MAX='1'),
    )


def said(done):
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_labels_are_the_same_under_a_limit(repo_root, tmp_path):
    assert BANK_MB > 2 * MARGIN_MB
    memory = said(run(repo_root, tmp_path, 'memory', 'float32'))
    # the limit is one: in memory the bank does not fit
    failed = run(repo_root, tmp_path, 'memory', 'float32', MARGIN_MB)
    assert failed.returncode and 'memory' in failed.stderr
    mapped = said(run(repo_root, tmp_path, 'memmap', 'float32', MARGIN_MB))
    assert mapped['labels'] == memory['labels']
    assert mapped['spread'] == pytest.approx(memory['spread'], rel=1e-6)
    # of half precision, rounded features change a few labels
    half = said(run(repo_root, tmp_path, 'memmap', 'float16', MARGIN_MB))
    assert half['spread'] == pytest.approx(memory['spread'], rel=1e-3)
    one, two = (
        torch.load(tmp_path / name)
        for name in ('memoryfloat32', 'memmapfloat16')
    )
    differ = (one != two).double().mean().item()
    print(f'float16: {differ:.2%} of labels differ')
    assert 0 < differ < 0.02


if __name__ == '__main__':
    name, kind, margin, place = sys.argv[1:]
    main(name, kind, int(margin), place)
