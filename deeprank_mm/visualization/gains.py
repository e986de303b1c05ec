"""What pretraining gains: every seed of every method."""

from __future__ import annotations

from typing import Mapping

from matplotlib.lines import Line2D

from .style import COLOURS, DARK, LIGHT, MARKERS, new_figure, save_figure

#: For each row of a panel its accuracies, by seed.
Panel = Mapping[str, Mapping[str, float]]


def draw_gains(panels: Mapping[str, Panel], path: str) -> None:
    """Draw a dot a seed, a panel for each measure, its mean as a bar.

    A seed's dots are joined from row to row: its encoders begin with the same
    random weights.

    Args:
        panels (Mapping[str, Mapping[str, Mapping[str, float]]]): For each
            title its rows, and for each row the accuracies in [0, 1], by
            seed. Rows are drawn from top to bottom, as the panel that has
            most of them has them.
        path (str): File to write, ``.png`` or ``.svg``.

    Raises:
        ValueError: If there is nothing to draw, or the path has another
            suffix.
    """
    if not any(row for panel in panels.values() for row in panel.values()):
        raise ValueError('There is no accuracy to draw.')
    longest_first = sorted(panels.values(), key=len, reverse=True)
    rows = list(
        dict.fromkeys(name for panel in longest_first for name in panel)
    )
    height = {name: -i for i, name in enumerate(rows)}
    figure = new_figure(2.3 * len(panels) + 1.2, 0.42 * len(rows) + 1.2)
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    seeds: dict = {}
    for axes, (title, panel) in zip(grid, panels.items()):
        for name in rows:
            for seed in panel.get(name, ()):
                seeds.setdefault(seed, len(seeds))
        for seed, index in seeds.items():
            there = [name for name in rows if seed in panel.get(name, ())]
            axes.plot(
                [100 * panel[name][seed] for name in there],
                [height[name] for name in there],
                color=LIGHT,
                linewidth=0.8,
                zorder=1,
            )
            axes.scatter(
                [100 * panel[name][seed] for name in there],
                [height[name] for name in there],
                color=COLOURS[index % len(COLOURS)],
                marker=MARKERS[index % len(MARKERS)],
                s=18,
                zorder=2,
            )
        for name, values in panel.items():
            if not values:
                continue
            axes.plot(
                [100 * sum(values.values()) / len(values)] * 2,
                [height[name] - 0.28, height[name] + 0.28],
                color=DARK,
                linewidth=1.8,
                zorder=3,
            )
        axes.set_title(title, fontsize=9)
        axes.set_xlabel('top-1 (%)', fontsize=8)
        axes.tick_params(labelsize=8)
        axes.margins(x=0.08)
        axes.spines[['top', 'right']].set_visible(False)
    grid[0].set_yticks([height[name] for name in rows], rows)
    grid[0].set_ylim(0.6 - len(rows), 0.6)
    legend = [
        Line2D(
            [],
            [],
            linestyle='',
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            markersize=5,
            label=f'seed {seed}',
        )
        for seed, index in seeds.items()
    ]
    legend.append(Line2D([], [], color=DARK, linewidth=1.8, label='mean'))
    figure.legend(
        handles=legend,
        loc='outside lower center',
        ncols=len(legend),
        frameon=False,
        fontsize=8,
    )
    save_figure(figure, path)
