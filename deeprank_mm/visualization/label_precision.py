"""Precision of labels over training (Fig. 8)."""

from __future__ import annotations

from typing import Mapping, Optional

from matplotlib.ticker import MaxNLocator

from .style import COLOURS, DARK, MARKERS, new_figure, save_figure


def draw_precision(
    curves: Mapping[str, Mapping[int, float]],
    path: str,
    chances: Optional[Mapping[str, float]] = None,
    caption: str = '',
) -> None:
    """Draw a line for each run, the chance of a blind label dashed.

    Args:
        curves (Mapping[str, Mapping[int, float]]): For each name its
            precision in [0, 1], by refreshes before: 0 is the untrained
            encoder.
        path (str): File to write, ``.png`` or ``.svg``.
        chances (Mapping[str, float], optional): Precision by chance, of some
            of the names. Defaults to None.
        caption (str): What was run. Defaults to ``''``.

    Raises:
        ValueError: If there is nothing to draw, or the path has another
            suffix.
    """
    if not any(curves.values()):
        raise ValueError('There is no precision to draw.')
    figure = new_figure(7.4, 3.6)
    axes = figure.add_subplot()
    for i, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        axes.plot(
            list(curve),
            [100 * value for value in curve.values()],
            color=colour,
            marker=MARKERS[i % len(MARKERS)],
            markersize=4,
            linewidth=1.5,
            label=name,
        )
        if name in (chances or {}):
            axes.axhline(
                100 * chances[name],
                color=colour,
                linestyle='--',
                linewidth=1,
                zorder=0,
            )
    if chances:
        axes.plot(
            [], [], color=DARK, linestyle='--', linewidth=1, label='by chance'
        )
    axes.set_xlabel('label refreshes before (0: untrained encoder)')
    axes.set_ylabel('precision (%)')
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, None)
    axes.margins(y=0.1)
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(
        loc='center left',
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        fontsize=8,
    )
    if caption:
        figure.suptitle(caption, fontsize=8)
    save_figure(figure, path)
