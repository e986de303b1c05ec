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
import ast
import difflib
import random
from pathlib import Path
from typing import Sequence

import numpy as np
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader
from torch.utils.data import Dataset, Subset

import deeprank_mm  # noqa: F401  (registers the components)
from deeprank_mm.datasets import with_pipeline
from deeprank_mm.engine.extraction import (
    check_deterministic,
    extract_features,
    feature_loader,
)
from deeprank_mm.engine.strict import check_state_dict
from deeprank_mm.evaluation.retrieval import (
    Neighbours,
    precision_at_k,
    retrieve,
)
from deeprank_mm.models.rankers import MultiViewRanker
from deeprank_mm.structures import FeatureBank, sample_id_of
from deeprank_mm.utils import launch
from deeprank_mm.utils.usage import UsageError, resolve
from deeprank_mm.visualization import (
    UPWARD,
    Clip,
    as_recorded,
    draw_strips,
    find_layout,
    save_animation,
    save_picture,
    steps_of,
)

# What a config that mmengine wrote into a checkpoint consists of.
_PLAIN = (
    ast.Module,
    ast.Assign,
    ast.Name,
    ast.Store,
    ast.Load,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.Set,
    ast.Dict,
    ast.Call,
    ast.keyword,
    ast.UnaryOp,
    ast.USub,
)
# Features of the same weights differ by rounding, never by this much.
_SAME = 1 - 1e-5


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'config',
        nargs='?',
        help="a pretraining config (default: the checkpoint's own)",
    )
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint of a pretraining run, or its work folder for the '
        'latest one; every tensor must fit the model',
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


def load(args: argparse.Namespace) -> tuple[Config, dict, str]:
    """The config and the checkpoint that the options name.

    Args:
        args: The parsed options.

    Returns:
        The config, the checkpoint's content, and its path.

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
    path = resolve('checkpoint', path)
    content = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    if config is None:
        cfg = stored_config(content, path)
    elif Path(config).is_file():
        cfg = Config.fromfile(config)
    else:
        raise UsageError(
            f'config file {config} does not exist (looked from {Path.cwd()}).'
        )
    cfg.merge_from_dict(args.cfg_options or {})
    return cfg, content, path


def stored_config(content: dict, path: str) -> Config:
    """The config inside a checkpoint, which is read and not run.

    Args:
        content: The checkpoint's content.
        path: Its path, for messages.

    Returns:
        The config.

    Raises:
        UsageError: There is none, or it is more than plain values.
    """
    text = (content.get('meta') or {}).get('cfg')
    if not isinstance(text, str):
        raise UsageError(
            f'checkpoint {path} does not say its config: name one.'
        )
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError:
        nodes = [None]
    for node in nodes:
        call = isinstance(node, ast.Call)
        if not isinstance(node, _PLAIN) or (
            call and getattr(node.func, 'id', None) != 'dict'
        ):
            raise UsageError(
                f'the config inside of checkpoint {path} is more than plain '
                'values, and is not run: name a config.'
            )
    return Config.fromstring(text, '.py')


def choose_modality(cfg: Config, modality: str | None) -> str:
    """Which encoder's features are compared.

    Args:
        cfg: The config; a single-stream one is changed to the modality.
        modality: The option's value.

    Returns:
        Its name.

    Raises:
        UsageError: The config has several modalities and not this one.
    """
    have = list(cfg.model.get('modalities') or ['joint'])
    if modality is None:
        return have[0]
    if modality not in have:
        if len(have) > 1:
            raise UsageError(
                f'--modality {modality}: the config has {", ".join(have)}.'
            )
        launch.set_modality(cfg, modality)
    return modality


def build_model(cfg: Config, content: dict, path: str) -> MultiViewRanker:
    """The ranker with all of the checkpoint's weights.

    Args:
        cfg: The config.
        content: The checkpoint's content.
        path: Its path, for messages.

    Returns:
        The model, on the GPU if there is one.

    Raises:
        UsageError: The config is no pretraining, or a tensor does not fit.
    """
    model = MODELS.build(cfg.model)
    if not isinstance(model, MultiViewRanker):
        raise UsageError(
            f'the model of the config is a {type(model).__name__}: name the '
            'config of a pretraining run, with a MultiViewRanker.'
        )
    weights = content.get('state_dict', content)
    try:
        check_state_dict(model, weights, path)
    except ValueError as error:
        raise UsageError(str(error)) from error
    model.load_state_dict(weights)
    print(f'loaded all {len(weights)} tensors of {path}')
    return model.to(get_device())


class Split:
    """A split of the config through the test pipeline, and as recorded."""

    def __init__(self, cfg: Config, name: str) -> None:
        loader = cfg.get('test_dataloader')
        if loader is None:
            raise UsageError('the config has no test_dataloader.')
        try:
            pipeline = steps_of(loader.dataset)
        except ValueError as error:
            raise UsageError(str(error)) from error
        part = loader.dataset
        if name == 'train':
            # Pretraining holds a part out of train_dataloader; the test's
            # support is the whole split.
            support = (cfg.get('test_cfg') or {}).get('support_dataloader')
            part = (support or cfg.train_dataloader).dataset
        built = DATASETS.build(part)
        self.name = name
        self.dataset: Dataset = with_pipeline(built, pipeline)
        self.recorded = as_recorded(built, pipeline)
        ids = getattr(built, 'sample_ids', None) or [
            sample_id_of(self.recorded[i]) for i in range(len(self.recorded))
        ]
        self.row = {name: i for i, name in enumerate(ids)}
        self._loader = (loader.get('batch_size', 64), 0)
        try:
            check_deterministic(self.dataset)
        except ValueError as error:
            raise UsageError(
                "the config's test pipeline is random: two readings of a "
                'sample differ, and so would its neighbours.'
            ) from error

    def extract(
        self, model: MultiViewRanker, ids: Sequence[str] | None = None
    ) -> FeatureBank:
        """Features of the split, or of some of its samples."""
        dataset = self.dataset
        if ids is not None:
            dataset = Subset(dataset, [self.row[name] for name in ids])
        return extract_features(model, feature_loader(dataset, *self._loader))

    def annotation(self, name: str) -> dict:
        """A sample as recorded."""
        return self.recorded[self.row[name]]


def find_query(query: str, seed: int, splits: Sequence[Split]) -> str:
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


def search_bank(
    split: Split, model: MultiViewRanker, path: str | None, modality: str
) -> FeatureBank:
    """Features of the search set, from a file if there is one.

    Args:
        split: The search set.
        model: The encoder.
        path: The file, or None for none.
        modality: Which features will be compared.

    Returns:
        The bank.

    Raises:
        UsageError: The file holds other samples or features.
    """
    if path is None or not Path(path).is_file():
        bank = split.extract(model)
        if path is not None:
            bank.save(path)
            print(f'saved the features to {path}')
        return bank
    bank = FeatureBank.load(path)
    if sorted(split.row) != bank.ids:
        raise UsageError(
            f'--bank {path} holds {len(bank)} other samples than the '
            f'{len(split.row)} of the {split.name} split: name another file.'
        )
    probes = bank.ids[:: max(1, len(bank) // 3)]
    own = split.extract(model, probes)
    kept = bank.lookup(bank.rows(own.ids)).get(modality)
    new = own.features[modality]
    if kept is None or kept.shape != new.shape or not _same(kept, new):
        raise UsageError(
            f'--bank {path} holds features of another encoder than the '
            'checkpoint: name another file.'
        )
    return bank


def _same(one: torch.Tensor, two: torch.Tensor) -> bool:
    one, two = one.double(), two.double()
    cosine = torch.cosine_similarity(one, two)
    return bool(((cosine > _SAME) | (one == two).all(1)).all())


def read_names(path: str | None, labels: Sequence[int]) -> dict[int, str]:
    """Names of classes, their numbers where there is no file.

    Args:
        path: The file, one name a line.
        labels: The classes that need a name.

    Returns:
        By class.

    Raises:
        UsageError: The file is missing or too short.
    """
    if path is None:
        return {label: f'class {label}' for label in labels}
    if not Path(path).is_file():
        raise UsageError(f'--class-names {path}: there is no such file.')
    names = Path(path).read_text(encoding='utf-8').split('\n')
    names = [name.strip() for name in names if name.strip()]
    if max(labels, default=0) >= len(names):
        raise UsageError(
            f'--class-names {path} has {len(names)} names, but there is a '
            f'class {max(labels)}.'
        )
    return {label: names[label] for label in labels}


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
    cfg, content, path = load(args)
    modality = choose_modality(cfg, args.modality)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    search = Split(cfg, args.split)
    splits = [search]
    if args.query not in search.row:
        other = 'train' if args.split == 'test' else 'test'
        if args.query != 'random' or other == 'test':
            splits.append(Split(cfg, other))
    query = find_query(args.query, args.seed, splits)
    home = next(split for split in splits if query in split.row)

    model = build_model(cfg, content, path)
    bank = search_bank(search, model, args.bank, modality)
    asking = bank if home is search else home.extract(model, [query])
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
