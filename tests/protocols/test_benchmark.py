import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.logging import HistoryBuffer

from deeprank_mm.evaluation import KNNMetric, LinearProbeMetric
from deeprank_mm.protocols import (
    Benchmark,
    Source,
    parse_protocols,
    supervised,
)
from deeprank_mm.protocols.sources import training_seconds
from deeprank_mm.structures import FeatureBank
from tests import toy

ROOT = Path(__file__).resolve().parents[2]
STREAMS = ('joint', 'bone')


@pytest.fixture(scope='module')
def setting(tmp_path_factory):
    """Two pretrained seeds and a finetuning config on toy data."""
    folder = tmp_path_factory.mktemp('setting')
    for seed in (0, 1):
        cfg = toy.pretrain_config(folder / str(seed), 1, modalities=STREAMS)
        cfg.randomness = dict(seed=seed)
        toy.build_runner(cfg).train()
    config = folder / 'finetune.py'
    toy.finetune_config(folder / 'finetune').dump(str(config))
    return config, f'ours={folder}/{{seed}}/work'


def benchmark(
    setting,
    out,
    protocols='knn,linear@0.5,semi@0.5',
    rows=('random', 'scratch'),
    **kwargs,
):
    config, ours = setting
    sources = [Source.untrained(row) for row in rows]
    arguments = dict(modalities=STREAMS, seeds=[0, 1], title='toy')
    arguments.update(kwargs)
    return Benchmark(
        str(config),
        out,
        [*sources, Source.parse(ours)],
        parse_protocols(protocols),
        **arguments,
    )


def without_times(out):
    content = json.loads((out / 'table.json').read_text())
    for entry in content['entries']:
        assert entry.pop('seconds') >= 0
    content.pop('command')
    page = (out / 'table.md').read_text()
    return content, re.sub(r'Wall time of the cells: \d+ min', '', page)


def test_one_command_one_table_twice_the_same(setting, tmp_path):
    tables = []
    for name in ('first', 'second'):
        bench = benchmark(setting, tmp_path / name, seeds=[0])
        assert bench.run() == []
        tables.append(without_times(tmp_path / name))
    assert tables[0] == tables[1]
    content = tables[0][0]
    assert content['finished'] == content['cells'] == 16
    found = {
        (e['row'], e['modality'], e['protocol']): e for e in content['entries']
    }
    ours = found['ours', 'joint', 'semi@0.5']
    assert set(ours['accuracy']) == {'0'} == set(ours['best'])
    scratch = found['from scratch', 'joint', 'semi@0.5']
    difference = ours['accuracy']['0'] - scratch['accuracy']['0']
    assert ours['difference'] == pytest.approx(difference)
    assert ('ours', 'ensemble', 'semi@0.5') in found
    assert ('ours', 'ensemble', 'knn@1') not in found
    assert ('from scratch', 'joint', 'knn@20') not in found


def test_frozen_cells_are_the_metrics_of_the_encoder(setting, tmp_path):
    bench = benchmark(setting, tmp_path, 'knn,linear', seeds=[0])
    bench.run()
    banks = [FeatureBank.load(p) for p in (tmp_path / 'features').iterdir()]
    assert len(banks) == 2 * 2 * 2  # rows, streams, parts
    for cell in bench.cells:
        support, queries = bench.cache.banks(cell)
        if cell.protocol.startswith('knn'):
            metric, key = KNNMetric(), cell.protocol.replace('@', '')
        else:
            metric, key = LinearProbeMetric(fractions=[1.0]), 'linear'
        expected = metric.compare(support, queries)[f'{key}_{cell.modality}']
        assert bench.store(cell).read(cell).accuracy == expected


def test_a_row_without_an_encoder(setting, tmp_path):
    bench = benchmark(
        setting,
        tmp_path,
        'knn,linear',
        seeds=[0, 1],
        modalities=['joint'],
        rows=['distances'],
    )
    assert bench.run() == []
    cell = next(c for c in bench.cells if c.source.kind == 'distances')
    train, _ = bench.cache.banks(cell)
    # eight parts of five joints
    assert train.features['joint'].shape[1] == 8 * 5 * 4 // 2
    found = [e for e in bench.entries() if e.row.startswith('no encoder')]
    assert [e.protocol for e in found] == ['knn@1', 'knn@20', 'linear']
    for entry in found:  # nothing in it is random
        assert entry.accuracy[0] == entry.accuracy[1]


def test_a_folder_that_trains_meanwhile_does_not_change_the_table(
    setting, tmp_path
):
    """What is evaluated is what the cell is named by."""
    config, ours = setting
    folder = Path(ours.partition('=')[2].format(seed=0))
    run = tmp_path / 'run'
    shutil.copytree(folder, run)
    options = dict(modalities=['joint'], seeds=[0])
    bench = benchmark((config, f'ours={run}'), tmp_path / 'a', **options)
    newer = run / 'epoch_2.pth'
    shutil.copy(
        Path(ours.partition('=')[2].format(seed=1)) / 'epoch_1.pth', newer
    )
    (run / 'last_checkpoint').write_text(str(newer))
    later = benchmark((config, f'ours={run}'), tmp_path / 'b', **options)

    def features(bench):
        cell = next(c for c in bench.cells if c.source.name == 'ours')
        return bench.cache.banks(cell)[0].features['joint']

    planned, trained = features(bench), features(later)
    expected = features(benchmark(setting, tmp_path / 'c', **options))
    assert torch.equal(planned, expected)
    assert not torch.equal(trained, expected)
    (semi,) = [
        c for c in bench.cells if c.protocol == 'semi@0.5' and c.checkpoint
    ]
    cfg = supervised.configure(bench.cfgs['semi'], semi, tmp_path / 'cell')
    (hook,) = [h for h in cfg.custom_hooks if h.type == 'LoadEncoderHook']
    assert hook.checkpoint == str(run / 'epoch_1.pth')


def test_finished_cells_are_not_run_again(setting, tmp_path, monkeypatch):
    options = dict(modalities=['joint'])
    first = benchmark(setting, tmp_path, 'semi@0.5', seeds=[0], **options)
    assert first.run() == []
    ran = []

    def run(cfg, cell, folder):
        ran.append(str(cell))
        return 0.5, 0.5

    monkeypatch.setattr(supervised, 'run', run)
    again = benchmark(setting, tmp_path, 'semi@0.5', seeds=[0, 1], **options)
    again.run()
    assert len(ran) == 2
    assert all('seed 1' in cell for cell in ran)


def test_what_fails_stays_empty_and_the_rest_goes_on(setting, tmp_path):
    config, ours = setting
    broken = tmp_path / 'broken.pth'
    torch.save(dict(state_dict={'backbone.x': torch.zeros(1)}), broken)
    bench = Benchmark(
        str(config),
        tmp_path / 'out',
        [Source.parse(ours), Source.parse(f'broken={broken}')],
        parse_protocols('knn@1'),
        ['joint'],
        [0],
    )
    failed = bench.run()
    assert len(failed) == 1 and failed[0].startswith('broken, knn@1')
    assert [e.row for e in bench.entries()] == ['ours']


def test_an_interrupted_cell_goes_on_where_it_was(setting, tmp_path):
    """The same accuracy as without the interruption, from its checkpoint."""
    whole = benchmark(
        setting,
        tmp_path / 'whole',
        'finetune',
        seeds=[0],
        modalities=['joint'],
    )
    assert whole.run() == []
    cut = benchmark(
        setting, tmp_path / 'cut', 'finetune', seeds=[0], modalities=['joint']
    )
    cell = cut.cells[-1]
    folder = cut.store(cell).folder(cell)
    cfg = supervised.configure(cut.cfgs['finetune'], cell, folder)
    cfg.train_cfg.max_epochs = 1
    toy.build_runner(cfg).train()
    assert (folder / 'epoch_1.pth').is_file()
    assert cut.run() == []
    assert 'resumed' in (folder / 'output.txt').read_text()
    one, two = (
        torch.load(b.store(cell).folder(cell) / 'epoch_2.pth')['state_dict']
        for b in (whole, cut)
    )
    assert all(torch.equal(one[k], two[k]) for k in one)


def test_the_tool_needs_no_runner_before_it(setting, tmp_path):
    """In a process of its own, where nothing has set a scope yet."""
    config, ours = setting
    command = [sys.executable, 'tools/benchmark.py', '--config', str(config)]
    command += ['--out', str(tmp_path), '--checkpoint', ours, '--seeds', '1']
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    rows = (tmp_path / 'table.csv').read_text().splitlines()
    assert len(rows) == 1 + 2 * 3  # knn@1, knn@20, linear of two rows


def test_the_tool_explains_what_cannot_be(setting, tmp_path):
    config, _ = setting
    command = [sys.executable, 'tools/benchmark.py', '--config', str(config)]
    command += ['--out', str(tmp_path), '--checkpoint', 'ours=missing_{seed}']
    call = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert call.returncode == 2
    assert 'missing_0' in call.stderr
    assert 'Traceback' not in call.stderr


def test_tables_say_how_long_pretraining_took(setting, tmp_path):
    benchmark(setting, tmp_path, 'knn').run()
    content = json.loads((tmp_path / 'table.json').read_text())
    times = {
        (e['row'], e['modality'], e['protocol']): e['pretraining']
        for e in content['entries']
    }
    joint = times['ours', 'joint', 'knn@20']
    assert set(joint) == {'0', '1'} and min(joint.values()) > 0
    # one run trained the streams: in the ensemble it counts once
    assert times['ours', 'ensemble', 'knn@20'] == joint
    assert times['random, BN calibrated', 'joint', 'knn@20'] == {}


def test_runs_of_one_stream_add_up_in_the_ensemble(
    setting, tmp_path, monkeypatch
):
    config, ours = setting
    weights, _, _ = ours.partition('=')[2].partition('{seed}')
    for seed, stream in enumerate(STREAMS):
        shutil.copytree(f'{weights}{seed}/work', tmp_path / stream)
    monkeypatch.chdir(tmp_path)
    benchmark((config, 'ours={modality}'), tmp_path / 'out', 'knn').run()
    content = json.loads((tmp_path / 'out' / 'table.json').read_text())
    times = {
        e['modality']: e['pretraining']['0']
        for e in content['entries']
        if (e['row'], e['protocol']) == ('ours', 'knn@20')
    }
    total = sum(times[stream] for stream in STREAMS)
    assert times['ensemble'] == pytest.approx(total, abs=0.003)


def test_training_time_is_the_sum_over_all_steps(tmp_path):
    path = str(tmp_path / 'run.pth')
    record = HistoryBuffer([3.0, 0.5, 0.25], [1, 1, 1])
    hub = dict(log_scalars={'train/time': record})
    torch.save(dict(state_dict={}, message_hub=hub), path)
    assert training_seconds(path) == 3.75
    # weights that were exported have no record
    torch.save(dict(state_dict={}), tmp_path / 'exported.pth')
    assert training_seconds(str(tmp_path / 'exported.pth')) is None
