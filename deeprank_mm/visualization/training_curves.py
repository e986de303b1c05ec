"""Losses, accuracies and labels over training, refreshes marked."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from .style import COLOURS, LIGHT, MARKERS, new_figure, save_figure


class Curve(NamedTuple):
    """One line of a panel.

    Attributes:
        name (str): What it is.
        values (Mapping[float, float]): By time.
        group (int): Curves of a group have a colour.
        dashed (bool): For held-out samples.
        marker (int, optional): A marker at each value, for few of them:
            curves of a number share it. Defaults to None.
    """

    name: str
    values: Mapping[float, float]
    group: int
    dashed: bool = False
    marker: Optional[int] = None


class CurvePanel(NamedTuple):
    """Curves with one axis.

    Attributes:
        title (str): Of the axis; panels of one title share a row.
        curves (Sequence[Curve]): At least one.
        column (str): What is beside each other, such as a modality.
            Defaults to ``''``.
    """

    title: str
    curves: Sequence[Curve]
    column: str = ''


def draw_training_curves(
    panels: Sequence[CurvePanel],
    path: str,
    refreshes: Sequence[float] = (),
    unit: str = 'epoch',
    caption: str = '',
) -> None:
    """Draw panels over the same time, a row for each title.

    Args:
        panels (Sequence[CurvePanel]): From top to bottom and left to right.
        path (str): File to write, ``.png`` or ``.svg``.
        refreshes (Sequence[float]): When labels were refreshed: a line
            through all panels. Defaults to none.
        unit (str): Of time. Defaults to ``'epoch'``.
        caption (str): What was run. Defaults to ``''``.

    Raises:
        ValueError: If there is nothing to draw, or the path has another
            suffix.
    """
    if not panels:
        raise ValueError('There are no curves to draw.')
    rows = list(dict.fromkeys(panel.title for panel in panels))
    columns = list(dict.fromkeys(panel.column for panel in panels))
    width = 8.0 if len(columns) == 1 else 2.0 + 3.0 * len(columns)
    figure = new_figure(width, 0.8 + 2.0 * len(rows))
    grid = figure.subplots(
        len(rows), len(columns), sharex=True, sharey='row', squeeze=False
    )
    place = {
        (row, column): grid[i, j]
        for i, row in enumerate(rows)
        for j, column in enumerate(columns)
    }
    for panel in panels:
        _draw(place.pop((panel.title, panel.column)), panel, refreshes)
    for axes in place.values():
        axes.set_axis_off()
    for title, row in zip(rows, grid):
        row[0].set_ylabel(title, fontsize=9)
        row[-1].legend(
            *_entries(row),
            loc='center left',
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            fontsize=7,
        )
    for axes, column in zip(grid[0], columns):
        axes.set_title(column, fontsize=9)
    for axes in grid[-1]:
        axes.set_xlabel(unit, fontsize=9)
    if caption:
        figure.suptitle(caption, fontsize=8)
    save_figure(figure, path)


def _draw(axes: Axes, panel: CurvePanel, refreshes: Sequence[float]) -> None:
    """One panel."""
    for time in refreshes:
        axes.axvline(
            time, color=LIGHT, linewidth=1, zorder=0, label='labels refreshed'
        )
    for curve in panel.curves:
        marker = curve.marker
        axes.plot(
            list(curve.values),
            list(curve.values.values()),
            color=COLOURS[curve.group % len(COLOURS)],
            linestyle='--' if curve.dashed else '-',
            linewidth=1.3,
            marker=None if marker is None else MARKERS[marker % len(MARKERS)],
            markersize=4,
            label=curve.name,
        )
    axes.tick_params(labelsize=8)
    axes.spines[['top', 'right']].set_visible(False)


def _entries(row: Sequence[Axes]) -> Tuple[List[Artist], List[str]]:
    """Each line of a row's legend once: handles and labels."""
    found: Dict[str, Artist] = {}
    for axes in row:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            found.setdefault(label, handle)
    return list(found.values()), list(found)
