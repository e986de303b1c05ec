"""t-SNE of features, several encoders side by side (Figs. 5 and 7).

Takes the features from the banks of pretraining runs. With --cluster only
the samples of one cluster of the first bank are drawn, a DeepCluster run's,
that are of its two most frequent classes: the later banks show the same
samples.
"""

from __future__ import annotations

import argparse
from typing import List, Sequence

import torch
from torch import Tensor

from deeprank_mm.datasets.subsets import labelled_subset
from deeprank_mm.ranking import normalize_features
from deeprank_mm.structures import FeatureBank
from deeprank_mm.utils.bank_sources import HELP, BankSource, parse_sources
from deeprank_mm.utils.class_names import read_names
from deeprank_mm.utils.tables import write_csv
from deeprank_mm.utils.usage import UsageError
from deeprank_mm.visualization.style import check_suffix
from deeprank_mm.visualization.tsne import (
    Panel,
    draw_tsne,
    effective_perplexity,
    embed,
)

EXAMPLE = """examples:
  Fig. 5, encoders trained without and with L2 normalisation:
    python tools/analysis/tsne.py --out fig5.png --csv fig5.csv \\
      'without L2=work_dirs/ablations/nwucla_norm_none' \\
      'with L2=work_dirs/deeprank/stgcn_nwucla_xview' \\
      --class-names tools/data/label_maps/nw_ucla.txt
  Fig. 7, the two largest classes of a cluster, DeepCluster with 8 clusters:
    python tools/analysis/tsne.py --out fig7.png --cluster random \\
      DeepCluster=work_dirs/deepcluster/stgcn_nwucla_xview \\
      DeepRank=work_dirs/deeprank/stgcn_nwucla_xview
"""


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('banks', nargs='+', metavar='BANK', help=HELP)
    parser.add_argument('--out', required=True, help='picture, .png or .svg')
    parser.add_argument('--csv', help='table of the points to write')
    parser.add_argument(
        '--part',
        choices=('train', 'val'),
        default='train',
        help='training samples (default) or held-out ones',
    )
    parser.add_argument(
        '--normalization',
        choices=('none', 'l2'),
        default='none',
        help='of features before t-SNE (default: none, as they are)',
    )
    parser.add_argument(
        '--cluster',
        help="number of a cluster of the first bank, 'largest' or 'random'",
    )
    parser.add_argument(
        '--samples',
        type=int,
        default=2000,
        help='at most so many, the same of every class (default: 2000)',
    )
    parser.add_argument('--perplexity', type=float, default=30.0)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--class-names', metavar='FILE', help='one name a line'
    )
    return parser


def choose_cluster(
    source: BankSource, bank: FeatureBank, which: str, seed: int
) -> int:
    """The number of the cluster that --cluster names."""
    if bank.clusters is None:
        raise UsageError(
            f'--cluster: {source.path} has no clusters, the first bank must '
            'be of a DeepCluster run.'
        )
    clusters = bank.clusters[source.modality_of(bank)]
    counts = clusters.bincount()
    if which == 'largest':
        return int(counts.argmax())
    there = counts.nonzero()[:, 0].tolist()
    if which == 'random':
        generator = torch.Generator().manual_seed(seed)
        place = torch.randint(len(there), (), generator=generator)
        return there[int(place)]
    if not which.isdigit() or int(which) not in there:
        raise UsageError(
            f"--cluster {which}: 'largest', 'random' or one of "
            f'{", ".join(map(str, there))}.'
        )
    return int(which)


def of_cluster(
    source: BankSource, bank: FeatureBank, cluster: int
) -> List[str]:
    """Ids of a cluster's samples of its two most frequent classes."""
    mine = bank.clusters[source.modality_of(bank)] == cluster
    common = bank.labels[mine].bincount().topk(2)
    if not common.values[1]:
        raise UsageError(
            f'--cluster {cluster}: all its samples are of one class, there '
            'is nothing to tell apart; name another.'
        )
    keep = mine & torch.isin(bank.labels, common.indices)
    return [bank.ids[i] for i in keep.nonzero()[:, 0].tolist()]


def thinned(bank: FeatureBank, ids: List[str], most: int, seed: int):
    """At most so many samples, the share of every class as it is."""
    if len(ids) <= most:
        return ids
    labels = bank.labels[bank.rows(ids)].tolist()
    return [
        ids[i] for i in labelled_subset(ids, labels, most / len(ids), seed)
    ]


def write_points(path: str, ids: List[str], panels: List[Panel]) -> None:
    """Write the points, a line for each sample and encoder."""
    write_csv(
        path,
        ['encoder', 'sample', 'class', 'x', 'y'],
        (
            [panel.title, name, label, x, y]
            for panel in panels
            for name, label, (x, y) in zip(ids, panel.labels, panel.points)
        ),
    )


def run(args: argparse.Namespace) -> None:
    """Do what the command line says."""
    check_suffix(args.out)
    if args.samples < 4:
        raise UsageError('--samples: t-SNE needs at least 4.')
    sources = parse_sources(args.banks)
    banks = [source.load(args.part) for source in sources]
    ids, chosen = banks[0].ids, ''
    if args.cluster is not None:
        cluster = choose_cluster(sources[0], banks[0], args.cluster, args.seed)
        ids = of_cluster(sources[0], banks[0], cluster)
        chosen = f', the two largest classes of cluster {cluster}'
    ids = thinned(banks[0], ids, args.samples, args.seed)
    panels = []
    for source, bank in zip(sources, banks):
        try:
            rows = bank.rows(ids)
        except KeyError as error:
            raise UsageError(
                f'{source.path} and {sources[0].path} are of different '
                f'samples: {error.args[0]}'
            ) from error
        features: Tensor = source.features(bank)[rows]
        points = embed(
            normalize_features(features, args.normalization),
            args.perplexity,
            args.seed,
        )
        panels.append(Panel(source.name, points, bank.labels[rows].numpy()))
    names = read_names(
        args.class_names, {int(c) for p in panels for c in p.labels}
    )
    perplexity = effective_perplexity(args.perplexity, len(ids))
    part = 'training' if args.part == 'train' else 'held-out'
    draw_tsne(
        panels,
        args.out,
        names,
        f't-SNE of {len(ids):,} {part} samples{chosen}; features '
        + ('as they are' if args.normalization == 'none' else 'L2-normalised')
        + f', perplexity {perplexity:.3g}, seed {args.seed}',
    )
    print(f'{args.out}: {len(ids):,} {part} samples{chosen}.')
    if args.csv:
        write_points(args.csv, ids, panels)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    try:
        run(args)
    except ValueError as error:
        command.error(str(error))


if __name__ == '__main__':
    main()
