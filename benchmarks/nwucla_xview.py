"""What pretraining gains on NW-UCLA cross-view: the README's table.

Runs the project's own tools, for each seed:

- frozen features of the unseen view, of an untrained encoder (as initialised,
  and with calibrated BatchNorm) and of DeepRank;
- finetuning on 10 % of the labels, five stratified subsets dealt to the seeds
  in turn, from DeepRank's encoder and from scratch, with the same schedule.

A finished run is kept under `--out` and not repeated: after an interruption
call it again. Prints a Markdown table, mean and standard deviation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev

ROOT = Path(__file__).resolve().parent.parent
PRETRAIN = 'configs/deeprank/stgcn_nwucla_xview.py'
SEMI = 'configs/semi/stgcn_nwucla_xview_10pct.py'
SUBSETS = 5
COLUMNS = ('knn1_joint', 'knn20_joint', 'linear_joint', 'linear@0.1_joint')


class Job:
    """One call of a tool, whose result is the last line of its scalars."""

    def __init__(self, folder: Path, tool: str, *options: str) -> None:
        self.folder = folder
        self.command = [
            sys.executable,
            f'tools/{tool}.py',
            *options,
            '--work-dir',
            str(folder),
        ]
        self.result = folder / 'result.json'

    def run(self, threads: int) -> None:
        """Run the tool, or go on with it, unless it has finished."""
        if self.result.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        command = list(self.command)
        if 'train.py' in command[1] and any(self.folder.glob('*.pth')):
            command.append('--resume')
        print('+', ' '.join(command[1:]), flush=True)
        env = dict(os.environ, OMP_NUM_THREADS=str(threads))
        with open(self.folder / 'output.txt', 'w') as log:
            subprocess.run(
                command,
                cwd=ROOT,
                env=env,
                check=True,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.result.write_text(json.dumps(self._metrics()))

    def _metrics(self) -> dict:
        """The last metrics that mmengine wrote into the work directory."""
        tests = [
            p for p in self.folder.glob('*/*.json') if p.stem == p.parent.name
        ]
        if tests:
            return json.loads(max(tests).read_text())
        lines = [
            json.loads(line)
            for log in sorted(self.folder.glob('*/vis_data/scalars.json'))
            for line in log.read_text().splitlines()
        ]
        found = [line for line in lines if 'acc/top1' in line]
        return found[-1] if found else lines[-1]


def jobs_of(
    out: Path, seed: int, turn: int, seeds: int
) -> tuple[list, list, list]:
    """Pretraining, then evaluations, then finetuning, of one seed.

    The labelled subsets are dealt to the seeds in turn.
    """
    option = ('--seed', str(seed))
    deeprank = out / f'deeprank_{seed}'
    pretrain = [Job(deeprank, 'train', PRETRAIN, *option)]
    frozen = [
        Job(
            out / f'{kind}_{seed}',
            'test',
            PRETRAIN,
            '--random-init',
            kind,
            *option,
        )
        for kind in ('raw', 'calibrated')
    ]
    frozen.append(
        Job(
            out / f'frozen_{seed}',
            'test',
            PRETRAIN,
            str(deeprank / 'epoch_60.pth'),
            *option,
        )
    )
    finetune = [
        Job(
            out / f'{kind}_{subset}',
            'train',
            SEMI,
            '--pretrained',
            source,
            *option,
            '--cfg-options',
            f'train_dataloader.dataset.labelled.seed={subset}',
        )
        for subset in range(SUBSETS)
        if subset % seeds == turn
        for kind, source in (('semi', str(deeprank)), ('scratch', 'none'))
    ]
    return pretrain, frozen, finetune


def cell(values: list) -> str:
    """Mean and standard deviation in percent."""
    values = [100 * v for v in values]
    spread = f' ± {stdev(values):.1f}' if len(values) > 1 else ''
    return f'{mean(values):.1f}{spread}'


def table(out: Path, seeds: list) -> str:
    """Markdown of everything that is finished."""

    def results(name):
        paths = [out / f'{name}_{seed}' / 'result.json' for seed in seeds]
        return [json.loads(p.read_text()) for p in paths if p.exists()]

    lines = [
        '| encoder | kNN-1 | kNN-20 | linear | linear, 10 % of labels |',
        '|---|---|---|---|---|',
    ]
    for name, title in (
        ('raw', 'random, as initialised'),
        ('calibrated', 'random, BatchNorm calibrated'),
        ('frozen', 'DeepRank'),
    ):
        rows = results(name)
        if rows:
            cells = [cell([row[c] for row in rows]) for c in COLUMNS]
            lines.append(f'| {title} | {" | ".join(cells)} |')
    lines += [
        '',
        '| finetuned on 10 % of labels | top-1, last epoch |',
        '|---|---|',
    ]
    for name, title in (('scratch', 'from scratch'), ('semi', 'DeepRank')):
        values = [
            json.loads(path.read_text())['acc/top1']
            for path in sorted(out.glob(f'{name}_[0-9]/result.json'))
        ]
        if values:
            lines.append(
                f'| {title}, {len(values)} subsets | {cell(values)} |'
            )
    return '\n'.join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/nwucla_xview')
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument(
        '--jobs',
        type=int,
        default=2,
        help='runs at a time, each on its share of the cores',
    )
    args = parser.parse_args()
    out = args.out.resolve()
    threads = max(1, (os.cpu_count() or 1) // args.jobs)
    count = len(args.seeds)
    stages = zip(
        *(jobs_of(out, s, i, count) for i, s in enumerate(args.seeds))
    )
    with ThreadPoolExecutor(args.jobs) as pool:
        for stage in stages:
            jobs = [job for seed in stage for job in seed]
            list(pool.map(lambda job: job.run(threads), jobs))
    print(table(out, args.seeds))


if __name__ == '__main__':
    main()
