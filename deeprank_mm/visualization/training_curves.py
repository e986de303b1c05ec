"""Losses, accuracies and labels over training, refreshes marked."""

from __future__ import annotations

from typing import List, Mapping, NamedTuple, Optional, Sequence

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
        title (str): Of the axis.
        curves (Sequence[Curve]): At least one.
    """

    title: str
    curves: Sequence[Curve]


def draw_training_curves(
    panels: Sequence[CurvePanel],
    path: str,
    refreshes: Sequence[float] = (),
    unit: str = 'epoch',
    caption: str = '',
) -> None:
    """Draw panels below each other, over the same time.

    Args:
        panels (Sequence[CurvePanel]): From top to bottom.
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
    figure = new_figure(8.0, 0.8 + 2.0 * len(panels))
    column: List[Axes] = figure.subplots(
        len(panels), 1, sharex=True, squeeze=False
    )[:, 0]
    for axes, panel in zip(column, panels):
        for i, time in enumerate(refreshes):
            axes.axvline(
                time,
                color=LIGHT,
                linewidth=1,
                zorder=0,
                label='labels refreshed' if i == 0 else None,
            )
        for curve in panel.curves:
            marker = curve.marker
            axes.plot(
                list(curve.values),
                list(curve.values.values()),
                color=COLOURS[curve.group % len(COLOURS)],
                linestyle='--' if curve.dashed else '-',
                linewidth=1.3,
                marker=None
                if marker is None
                else MARKERS[marker % len(MARKERS)],
                markersize=4,
                label=curve.name,
            )
        axes.set_ylabel(panel.title, fontsize=9)
        axes.tick_params(labelsize=8)
        axes.spines[['top', 'right']].set_visible(False)
        axes.legend(
            loc='center left',
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            fontsize=7,
        )
    column[-1].set_xlabel(unit, fontsize=9)
    if caption:
        figure.suptitle(caption, fontsize=8)
    save_figure(figure, path)
