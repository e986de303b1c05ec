r"""Find the sequences most similar to one, and draw them.

Extracts the frozen features of a split with a pretrained encoder, prints the
nearest neighbours of a query by cosine, and draws them below it: a strip of
frames each (.png), or side by side in motion (.gif).

  python tools/retrieve.py configs/deeprank/stgcn_nwucla_xview.py \
      work_dirs/deeprank/stgcn_nwucla_xview --query a06_s03_e02_v03 \
      --split train --topk 5 --out neighbours.png

Without a config, the one that the checkpoint was trained with is used:

  python tools/retrieve.py --checkpoint work_dirs/deeprank/stgcn_nwucla_xview \
      --query random --seed 3 --out neighbours.gif
"""

from __future__ import annotations

import argparse
import difflib
import random
from typing import Sequence

import numpy as np
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.registry import init_default_scope

import deeprank_mm  # noqa: F401  (registers the components)
from deeprank_mm.apis.frozen_encoder import FrozenEncoder
from deeprank_mm.apis.loading import load_run
from deeprank_mm.apis.search_set import SearchSet
from deeprank_mm.evaluation.retrieval import (
    Neighbours,
    precision_at_k,
    retrieve,
)
from deeprank_mm.utils import launch
from deeprank_mm.utils.class_names import read_names
from deeprank_mm.utils.usage import UsageError
from deeprank_mm.visualization import (
    UPWARD,
    Clip,
    draw_strips,
    find_layout,
    save_animation,
    save_picture,
)


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'config',
        nargs='?',
        help="a config (default: the checkpoint's own)",
    )
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint of a pretraining, of a recogniser or of a bare '
        'backbone, or a work folder for its latest one; every tensor of the '
        'encoder must fit',
    )
    parser.add_argument(
        '--checkpoint',
        dest='named_checkpoint',
        metavar='CHECKPOINT',
        help='the same as an option; then the config may be left out',
    )
    parser.add_argument(
        '--query',
        required=True,
        metavar='SAMPLE_ID',
        help='sample whose neighbours are sought, of either split; "random" '
        'draws one of the test split',
    )
    parser.add_argument(
        '--topk', type=int, default=5, help='neighbours (default: 5)'
    )
    parser.add_argument(
        '--split',
        choices=('test', 'train'),
        default='test',
        help='where to search, through the test pipeline (default: test)',
    )
    parser.add_argument(
        '--modality',
        choices=launch.MODALITIES,
        help="whose encoder (default: the config's first)",
    )
    parser.add_argument(
        '--out', metavar='FILE', help='picture to write, .png or .gif'
    )
    parser.add_argument(
        '--class-names',
        metavar='FILE',
        help='names of the classes, one a line, from class 0',
    )
    parser.add_argument(
        '--bank',
        metavar='FILE',
        help='features of the search set: read if the file is there, else '
        'written for the next time',
    )
    parser.add_argument(
        '--frames', type=int, default=8, help='frames a strip (default: 8)'
    )
    parser.add_argument(
        '--up',
        choices=tuple(UPWARD),
        default='y',
        help='axis of 3D skeletons that points up (default: y, as Kinect)',
    )
    parser.add_argument(
        '--azimuth',
        type=float,
        default=0.0,
        metavar='DEGREES',
        help='look at 3D skeletons from further right (default: 0)',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of --query random (default: 0)'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config, as key=value',
    )
    return parser


def load(args: argparse.Namespace) -> tuple[Config, str]:
    """The config and the checkpoint that the options name.

    Args:
        args: The parsed options.

    Returns:
        The config and the checkpoint's path.

    Raises:
        UsageError: One of them is missing, or the options are ambiguous.
    """
    config, path = args.config, args.checkpoint or args.named_checkpoint
    if args.checkpoint and args.named_checkpoint:
        raise UsageError('the checkpoint is named twice.')
    if path is None:
        raise UsageError(
            'name CONFIG and CHECKPOINT, or --checkpoint alone to use the '
            'config that it was trained with.'
        )
    cfg, _, path = load_run(config, path, args.cfg_options)
    return cfg, path


def find_query(query: str, seed: int, splits: Sequence[SearchSet]) -> str:
    """The query's id, and nothing that is not there.

    Args:
        query: The option's value.
        seed: Of a random one.
        splits: Where to look; a random one is drawn of the test split.

    Returns:
        The id.

    Raises:
        UsageError: No split has it; the message names similar ids.
    """
    if query == 'random':
        test = next(split for split in splits if split.name == 'test')
        return random.Random(seed).choice(sorted(test.row))
    if any(query in split.row for split in splits):
        return query
    known = [name for split in splits for name in split.row]
    close = difflib.get_close_matches(query, known, n=3, cutoff=0.5)
    raise UsageError(
        f'--query {query}: no sample has this id, among {len(known)} in '
        f'the splits; '
        + (
            f'did you mean {", ".join(close)}?'
            if close
            else f'they look like {known[0]}.'
        )
    )


def describe(
    query: str, label: int | None, found: Neighbours, names: dict[int, str]
) -> list[tuple[str, str, str, bool | None]]:
    """The query and its neighbours, in words.

    Args:
        query: The query's id.
        label: Its class, if known.
        found: Its neighbours.
        names: Of the classes.

    Returns:
        For each: rank and similarity, id, class, and whether that is the
        query's class (None for the query, or where it is unknown).
    """
    rows = [('query', query, names.get(label, ''), None)]
    for i, name in enumerate(found.ids):
        other = None if found.labels is None else int(found.labels[i])
        known = label is not None and other is not None
        rows.append(
            (
                f'{i + 1}.  {found.similarities[i]:.4f}',
                name,
                names.get(other, ''),
                other == label if known else None,
            )
        )
    return rows


def show(rows: Sequence[tuple[str, str, str, bool | None]]) -> None:
    """Print the rows of :func:`describe` as a table."""
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    verdicts = {None: '', True: 'same class', False: 'other class'}
    for *cells, same in rows:
        padded = [f'{text:{w}}' for text, w in zip(cells, widths)]
        print('  '.join([*padded, verdicts[same]]).rstrip())


def draw(
    args: argparse.Namespace, clips: Sequence[Clip], cfg: Config, heading: str
) -> None:
    """Write the picture.

    Args:
        args: The parsed options.
        clips: The query and its neighbours.
        cfg: The config, which knows the layout.
        heading: What stands above.
    """
    common = dict(up=args.up, azimuth=args.azimuth, heading=heading)
    try:
        layout = find_layout(cfg)
        if args.out.endswith('.gif'):
            save_animation(clips, layout, args.out, **common)
        else:
            figure = draw_strips(clips, layout, args.frames, **common)
            save_picture(figure, args.out)
    except ValueError as error:
        raise UsageError(f'--out {args.out}: {error}') from error
    print(f'drew them to {args.out}')


def run(args: argparse.Namespace) -> None:
    """Find, print and draw.

    Args:
        args: The parsed options.

    Raises:
        UsageError: An option cannot be followed.
    """
    if args.out and not args.out.endswith(('.png', '.gif')):
        raise UsageError(f'--out {args.out}: must end in .png or .gif.')
    if min(args.topk, args.frames) < 1:
        raise UsageError('--topk and --frames must be 1 or more.')
    cfg, path = load(args)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    # First of all, for it may change the modality of the pipelines.
    encoder = FrozenEncoder(cfg, args.modality)
    modality = encoder.modality
    search = SearchSet(cfg, args.split)
    splits = [search]
    if args.query not in search.row:
        other = 'train' if args.split == 'test' else 'test'
        if args.query != 'random' or other == 'test':
            splits.append(SearchSet(cfg, other))
    query = find_query(args.query, args.seed, splits)
    home = next(split for split in splits if query in split.row)

    print(encoder.load(path))
    encoder.to(get_device())
    bank = search.bank(encoder, args.bank)
    asking = bank if home is search else home.extract(encoder, [query])
    found = retrieve(bank, query, args.topk, modality, asking)
    label = home.annotation(query).get('label')
    labels = [] if bank.labels is None else bank.labels.unique().tolist()
    if label is not None:
        labels.append(int(label))
    names = read_names(args.class_names, labels)
    rows = describe(query, label, found, names)
    show(rows)
    keypoints = [home.annotation(query)['keypoint']]
    keypoints += [search.annotation(name)['keypoint'] for name in found.ids]
    copies = [
        name
        for name, keypoint in zip(found.ids, keypoints[1:])
        if np.array_equal(keypoint, keypoints[0])
    ]
    for name in copies:
        print(f'warning: {name} has exactly the coordinates of the query')
    if bank.labels is not None and args.topk < len(bank):
        precision = precision_at_k(bank, args.topk, modality)
        mine = precision.by_label.get(label)
        print(
            f'all {len(bank)} sequences of the {search.name} split as '
            f'queries: precision@{precision.k} {100 * precision.mean:.1f} %'
            + ('' if mine is None else f', of this class {100 * mine:.1f} %')
            + f', by chance {100 * precision.chance:.1f} %'
        )
    if args.out:
        clips = []
        for keypoint, (rank, name, title, mark) in zip(keypoints, rows):
            note = [rank, name] if title else [rank]
            note += ['copy of the query'] if name in copies else []
            clips.append(Clip(keypoint, title or name, '\n'.join(note), mark))
        heading = (
            f'Nearest sequences of the {search.name} split, {modality} '
            'encoder, by cosine'
        )
        draw(args, clips, cfg, heading)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    # Intermixed, so that the checkpoint may also follow an option.
    args = command.parse_intermixed_args(argv)
    try:
        run(args)
    except UsageError as error:
        command.error(str(error))


if __name__ == '__main__':
    main()
