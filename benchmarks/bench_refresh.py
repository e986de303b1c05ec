"""The refresh of ranking labels beside one bare pass, and beside k-means.

A refresh is all that RankLabelHook does between two cycles: features of all
samples, the bank and its file, the labels' statistics. A bare pass is the
same model over the same samples with the same loader settings, in eval mode,
its outputs thrown away. A run's first refresh calibrates BatchNorm before.

Then what labels cost once there are features: for DeepRank the bank, and the
comparison of all triplets in all batches of an epoch; for DeepCluster the
k-means of ClusterLabelHook, by the number of clusters. On the data set's
features and on larger synthetic ones.

  python benchmarks/bench_refresh.py --json work_dirs/bench/refresh.json

It takes NW-UCLA where tools/data/nw_ucla.py has put it, else the demo data.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import torch
from hot_spots import hot_functions
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from report import Report, parser
from steps import CONFIGS
from timing import Spread, quotients, spread, take_turns
from torch import Tensor

from deeprank_mm.datasets.demo import write_demo
from deeprank_mm.engine import RankLabelHook
from deeprank_mm.engine.clustering import cluster_features
from deeprank_mm.engine.extraction import evaluating, feature_loader
from deeprank_mm.ranking import pairwise_distance
from deeprank_mm.structures import FeatureBank
from deeprank_mm.visualization.style import (
    COLOURS,
    MARKERS,
    new_figure,
    save_figure,
)

NW_UCLA = CONFIGS.parent / 'data' / 'skeleton' / 'nw_ucla.pkl'
TARGET = 1.10
BATCH = 64
# Of the synthetic features, NTU60's number of classes.
GROUPS, WIDTH = 60, 256


class Measure(Hook):
    """Times refreshes where training would begin, and ends the run.

    Args:
        report: Gets the rows and the target.
        args: The options.
    """

    priority = 'LOWEST'

    def __init__(self, report: Report, args) -> None:
        self.report = report
        self.args = args
        self.features: Optional[Tensor] = None

    def before_train(self, runner: Runner) -> None:
        """Measure."""
        (hook,) = (h for h in runner.hooks if isinstance(h, RankLabelHook))
        runner.train_loop.stop_training = True
        model = runner.model.to(self.args.device)
        start = time.perf_counter()
        hook.refresh(runner)
        first = time.perf_counter() - start

        @torch.no_grad()
        def bare() -> None:
            with evaluating(model):
                for dataset in hook._datasets.values():
                    for batch in feature_loader(
                        dataset, hook.batch_size, hook.num_workers
                    ):
                        batch = model.data_preprocessor(batch, False)
                        model.extract_feat(batch['inputs'])

        def refresh() -> None:
            hook.refresh(runner)

        turns = take_turns(
            [bare, refresh],
            self.args.repeats,
            self.args.device,
            self.args.seconds,
        )
        once, whole = zip(*turns)
        ratio = quotients(whole, once)
        self.report.row(
            'Refresh of the labels',
            **{
                'samples': sum(map(len, hook._datasets.values())),
                'turns': len(turns),
                'bare pass ms': spread(once, 1e3),
                'refresh ms': spread(whole, 1e3),
                'refresh / pass': ratio,
                'first refresh, calibrated, ms': 1e3 * first,
            },
        )
        self.report.target(
            'refresh of the labels, in bare passes over the data',
            ratio,
            TARGET,
            profile=lambda: hot_functions(refresh),
        )
        self.features = model.train_bank.features['joint']


def dataset_features(report: Report, args, data: str, folder: str) -> Tensor:
    """Features of a data set, after its refreshes were timed."""
    name = 'demo_xsub' if data == 'demo' else 'nwucla_xview'
    config = Config.fromfile(CONFIGS / 'deeprank' / f'stgcn_{name}.py')
    path = str(NW_UCLA)
    if data == 'demo':
        path = str(Path(folder) / 'demo.pkl')
        write_demo(path, 0, 1)
    for part in ('train', 'val', 'test'):
        config[f'{part}_dataloader'].dataset.ann_file = path
    config.test_dataloader = config.test_cfg = config.test_evaluator = None
    config.work_dir = str(Path(folder) / 'run')
    config.log_level = 'ERROR'
    config.randomness = dict(seed=0)
    runner = Runner.from_cfg(config)
    measure = Measure(report, args)
    runner.register_hook(measure)
    runner.train()
    return measure.features


def synthetic_features(count: int) -> Tensor:
    """Points around as many centres as there are actions, ``(N, D)``."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(GROUPS, WIDTH, generator=generator)
    group = torch.randint(GROUPS, (count,), generator=generator)
    noise = torch.randn(count, WIDTH, generator=generator)
    return centres[group] + noise


def rank(features: Tensor) -> None:
    """DeepRank's labels of an epoch: the bank, and every comparison."""
    ids = [f'{i:07d}' for i in range(len(features))]
    bank = FeatureBank(ids, dict(joint=features))
    for rows in torch.randperm(len(bank)).split(BATCH):
        distances = pairwise_distance(bank.lookup(rows)['joint'])
        distances[:, :, None] < distances[:, None, :]  # noqa: B015


def relabel(
    report: Report, name: str, features: Tensor, args
) -> Tuple[Spread, Dict[int, Spread]]:
    """Rows of a set of features: ranking, then k-means by clusters."""
    (ranking,) = zip(
        *take_turns([lambda: rank(features)], args.repeats, 'cpu', 5)
    )
    table = 'Labels out of features'
    samples, width = features.shape
    cells = dict(features=name, N=samples, D=width)
    report.row(
        table,
        **cells,
        labels='DeepRank, all triplets of an epoch',
        turns=len(ranking),
        ms=spread(ranking, 1e3),
    )
    costs = {}
    for clusters in args.clusters:
        if clusters > samples:
            continue
        (times,) = zip(
            *take_turns(
                [lambda n=clusters: cluster_features(features, n, 0)],
                args.repeats,
                'cpu',
                args.cluster_seconds,
                warm_up=False,
            )
        )
        costs[clusters] = spread(times, 1e3)
        report.row(
            table,
            **cells,
            labels=f'k-means, {clusters} clusters',
            turns=len(times),
            ms=costs[clusters],
            **{'times DeepRank': _ratio(costs[clusters], ranking)},
        )
    return spread(ranking, 1e3), costs


def _ratio(cost: Spread, ranking: Sequence[float]) -> float:
    return cost['median'] / spread(ranking, 1e3)['median']


def draw(results: Dict[str, tuple], clusters: List[int], path: str) -> None:
    """Cost of relabelling against the number of clusters."""
    figure = new_figure(5.5, 3.8)
    axes = figure.subplots()
    for i, (name, (ranking, costs)) in enumerate(results.items()):
        axes.loglog(
            list(costs),
            [cost['median'] for cost in costs.values()],
            color=COLOURS[i],
            marker=MARKERS[i],
            label=f'k-means, {name}',
        )
        axes.axhline(
            ranking['median'],
            color=COLOURS[i],
            linestyle='--',
            label=f'DeepRank, {name}',
        )
    axes.set_xlabel('clusters')
    axes.set_ylabel('labels out of features (ms)')
    axes.set_xticks(clusters, [str(n) for n in clusters])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(
        frameon=False, fontsize=7, loc='upper left', bbox_to_anchor=(1, 1)
    )
    save_figure(figure, path)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the comparison."""
    options = parser(__doc__, repeats=7, seconds=45)
    options.add_argument(
        '--data',
        choices=('nw_ucla', 'demo'),
        default='nw_ucla' if NW_UCLA.exists() else 'demo',
    )
    options.add_argument(
        '--clusters', type=int, nargs='+', default=[8, 32, 128, 512]
    )
    options.add_argument(
        '--synthetic',
        type=int,
        nargs='*',
        default=[10_000, 40_000],
        help='numbers of synthetic features',
    )
    options.add_argument(
        '--cluster-seconds',
        type=float,
        default=5.0,
        help='as --seconds, for each number of clusters',
    )
    args = options.parse_args(argv)
    name = 'NW-UCLA' if args.data == 'nw_ucla' else 'demo data'
    report = Report(
        __file__,
        'The refresh of the labels',
        f'RankLabelHook on the {name} with the small ST-GCN, joint, beside a '
        'bare pass over the same samples; then labels out of features, '
        "DeepRank's beside the k-means of ClusterLabelHook (scikit-learn, on "
        'the CPU).',
        args,
        argv,
    )
    with tempfile.TemporaryDirectory() as folder:
        features = dataset_features(report, args, args.data, folder)
    sets = {f'{name}, N = {len(features):,}': (name, features)}
    for count in args.synthetic:
        sets[f'N = {count:,}'] = ('synthetic', synthetic_features(count))
    results = {
        key: relabel(report, kind, values, args)
        for key, (kind, values) in sets.items()
    }
    report.write(lambda path: draw(results, args.clusters, path))


if __name__ == '__main__':
    main()
