"""Losses, accuracies and labels of a run over training.

Reads what the run logged into its work directory, resumed parts included.
Grey lines mark where labels were refreshed: losses jump there, because the
task is another one.
"""

from __future__ import annotations

import argparse
import re
from typing import Dict, Hashable, Iterable, List, Mapping, Sequence, Tuple

from deeprank_mm.utils.run_log import RunLog, read_run
from deeprank_mm.utils.tables import write_csv
from deeprank_mm.visualization.style import check_suffix
from deeprank_mm.visualization.training_curves import (
    Curve,
    CurvePanel,
    draw_training_curves,
)

EXAMPLE = """example:
  python tools/analysis/training_curves.py \\
    work_dirs/deeprank/stgcn_nwucla_xview --out curves.png --csv curves.csv
"""
# A panel, and what it shows: some measure of a modality.
_OF_CYCLES = (
    ('held-out accuracy', re.compile(r'(knn\d+|linear[@.\d]*)_([^_]+)')),
    ('old and new labels', re.compile(r'(flip_rate|nmi)_([^_]+)(?:_(.+))?')),
)


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('work_dir', help='of a training run')
    parser.add_argument('--out', required=True, help='picture, .png or .svg')
    parser.add_argument('--csv', help='table of the curves to write')
    parser.add_argument('--title', help='default: the work directory')
    return parser


def panels_of(log: RunLog) -> List[CurvePanel]:
    """The panels for which a run logged anything."""
    panels = []
    for title, kind in (('loss', 'loss'), ('accuracy', 'acc')):
        curves = _trained(log, kind)
        if curves:
            panels.append(CurvePanel(title, curves))
    # validation gives accuracies too, where no bank is evaluated
    found = {**log.cycles, **log.val}
    for title, form in _OF_CYCLES:
        parts = {name: form.fullmatch(name) for name in found}
        parts = {
            name: match.groups() for name, match in parts.items() if match
        }
        if parts:
            panels.append(CurvePanel(title, _measured(found, parts)))
    return panels


def _measured(
    found: Mapping[str, Mapping[float, float]], parts: Mapping[str, Tuple]
) -> List[Curve]:
    """A colour for each modality, a marker for each measure of it."""
    groups = _groups(modality for _, modality, *_ in parts.values())
    measures = _groups((part[0], *part[2:]) for part in parts.values())
    curves = []
    for name, (measure, modality, *view) in parts.items():
        marker = measures[(measure, *view)]
        # with one modality colours are free to tell measures apart
        group = groups[modality] if len(groups) > 1 else marker
        label = name.replace('_', ' ')
        curves.append(Curve(label, found[name], group, marker=marker))
    return curves


def _trained(log: RunLog, kind: str) -> List[Curve]:
    """A loss or an accuracy of each head, in training and validation."""
    found = []
    for series, dashed in ((log.train, False), (log.val, True)):
        for name, values in series.items():
            head = name.rpartition('/')[2]
            if head.startswith(f'{kind}_') and head != 'loss_skipped':
                found.append((head[len(kind) + 1 :], values, dashed))
    if not found and kind == 'loss':
        found = [('all', log.train['loss'], False)]
    groups = _groups(head for head, _, _ in found)
    return [
        Curve(
            f'{head.replace("_", " ")}, '
            f'{"held-out" if dashed else "training"}',
            values,
            groups[head],
            dashed,
        )
        for head, values, dashed in found
    ]


def _groups(names: Iterable[Hashable]) -> Dict[Hashable, int]:
    """A number for each different name."""
    return {name: i for i, name in enumerate(dict.fromkeys(names))}


def write_curves(path: str, panels: Sequence[CurvePanel], unit: str) -> None:
    """Write the curves, a line for each value."""
    write_csv(
        path,
        ['panel', 'curve', unit, 'value'],
        (
            [panel.title, curve.name, time, value]
            for panel in panels
            for curve in panel.curves
            for time, value in curve.values.items()
        ),
    )


def run(args: argparse.Namespace) -> None:
    """Do what the command line says."""
    check_suffix(args.out)
    log = read_run(args.work_dir)
    panels = panels_of(log)
    draw_training_curves(
        panels,
        args.out,
        log.refreshes,
        log.unit,
        args.work_dir if args.title is None else args.title,
    )
    print(f'{args.out}: {", ".join(panel.title for panel in panels)}.')
    if args.csv:
        write_curves(args.csv, panels, log.unit)


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
