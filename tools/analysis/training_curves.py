"""Losses, accuracies and labels of a run over training.

Reads what the run logged into its work directory, resumed parts included.
Grey lines mark where labels were refreshed: losses jump there, because the
task is another one.
"""

from __future__ import annotations

import argparse
import re
from typing import Dict, List, Mapping, Sequence

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
# A row of panels, and what it shows: some measure of a modality.
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
    """The panels for which a run logged anything, a column a modality."""
    panels = []
    for title, kind in (('loss', 'loss'), ('accuracy', 'acc')):
        panels += _trained(log, title, kind)
    # validation gives accuracies too, where no bank is evaluated
    found = {**log.cycles, **log.val}
    for title, form in _OF_CYCLES:
        panels += _measured(found, title, form)
    if len({panel.column for panel in panels}) == 1:
        panels = [panel._replace(column='') for panel in panels]
    return panels


def _measured(
    found: Mapping[str, Mapping[float, float]], title: str, form: re.Pattern
) -> List[CurvePanel]:
    """What each refresh measured: a colour and a marker for each measure."""
    curves: Dict[str, List[Curve]] = {}
    groups: Dict[str, int] = {}
    for name, values in found.items():
        match = form.fullmatch(name)
        if match is None:
            continue
        measure, modality, *view = match.groups()
        label = ' '.join([measure.replace('_', ' '), *filter(None, view)])
        group = groups.setdefault(label, len(groups))
        curve = Curve(label, values, group, marker=group)
        curves.setdefault(modality, []).append(curve)
    return [CurvePanel(title, lines, name) for name, lines in curves.items()]


def _trained(log: RunLog, title: str, kind: str) -> List[CurvePanel]:
    """A loss or an accuracy of each head, in training and validation."""
    curves: Dict[str, List[Curve]] = {}
    groups: Dict[str, int] = {}
    for series, part in ((log.train, 'training'), (log.val, 'held-out')):
        for name, values in series.items():
            head = name.rpartition('/')[2]
            if not head.startswith(f'{kind}_') or head == 'loss_skipped':
                continue
            _, modality, *view = head.split('_')
            curve = Curve(
                ', '.join([*view, part]),
                values,
                groups.setdefault(' '.join(view), len(groups)),
                dashed=part == 'held-out',
            )
            curves.setdefault(modality, []).append(curve)
    if not curves and kind == 'loss':
        curves[''] = [Curve('training', log.train['loss'], 0)]
    return [CurvePanel(title, lines, name) for name, lines in curves.items()]


def write_curves(path: str, panels: Sequence[CurvePanel], unit: str) -> None:
    """Write the curves, a line for each value."""
    write_csv(
        path,
        ['panel', 'modality', 'curve', unit, 'value'],
        (
            [panel.title, panel.column, curve.name, time, value]
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
    titles = dict.fromkeys(panel.title for panel in panels)
    print(f'{args.out}: {", ".join(titles)}.')
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
