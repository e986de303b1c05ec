r"""Draw the pictures of docs/method.md: docs/images/method_*.svg.

They say what the paper's Figs. 1 to 3 say, and are drawn from scratch. To
look at one, write it as a bitmap:

  python tools/dev/method_diagrams.py --suffix .png --out pictures
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyArrowPatch, FancyBboxPatch

from deeprank_mm.visualization.style import (
    COLOURS,
    DARK,
    LIGHT,
    SUFFIXES,
    new_figure,
)

IMAGES = Path(__file__).resolve().parents[2] / 'docs' / 'images'
BLUE, ORANGE, GREEN, RED = COLOURS[:4]
SIZE = 10  # of letters


def canvas(axes: Axes, width: float, height: float) -> None:
    """Axes without axes, where one unit is as long in x as in y."""
    axes.set(xlim=(0, width), ylim=(0, height), aspect='equal')
    axes.axis('off')


def box(
    axes: Axes,
    x: float,
    y: float,
    width: float,
    height: float,
    text: str,
    colour: str = DARK,
    filled: bool = False,
) -> None:
    """A box with text, by its centre."""
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle='round,pad=0,rounding_size=0.12',
            edgecolor=colour,
            facecolor=colour if filled else 'white',
            linewidth=1.4,
        )
    )
    axes.text(
        x,
        y,
        text,
        ha='center',
        va='center',
        fontsize=SIZE,
        color=ink(colour) if filled else DARK,
        linespacing=1.25,
    )


def ink(colour: str) -> str:
    """What can be read on a colour."""
    return DARK if colour == ORANGE else 'white'


def arrow(
    axes: Axes,
    start: tuple,
    end: tuple,
    colour: str = DARK,
    dashed: bool = False,
    bend: float = 0.0,
) -> None:
    """An arrow between two points."""
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle='-|>',
            mutation_scale=12,
            color=colour,
            linewidth=1.4,
            linestyle='--' if dashed else '-',
            connectionstyle=f'arc3,rad={bend}',
            shrinkA=0,
            shrinkB=0,
        )
    )


def note(axes: Axes, x: float, y: float, text: str, **kwargs) -> None:
    """Text beside the boxes."""
    style = dict(ha='center', va='center', fontsize=SIZE, color=DARK)
    axes.text(x, y, text, **{**style, **kwargs}, linespacing=1.3)


def rank_or_cluster() -> Figure:
    """The same features, clustered and ranked."""
    rng = np.random.default_rng(4)
    groups = [
        rng.normal((1.5, 3.7), (0.42, 0.32), (14, 2)),
        rng.normal((4.0, 3.35), (0.45, 0.35), (9, 2)),
        rng.normal((1.9, 2.1), (0.22, 0.16), (3, 2)),
    ]
    figure = new_figure(9, 4.6)
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        canvas(axes, 5.6, 5.4)
    note(
        left, 2.8, 5.15, 'DeepCluster: in which cluster is it?', weight='bold'
    )
    note(right, 2.8, 5.15, 'DeepRank: which one is closer?', weight='bold')

    for index, points in enumerate(groups):
        left.scatter(
            *points.T, s=28, color=COLOURS[index], marker='o^s'[index]
        )
        x, y = points.mean(0)
        width, height = np.ptp(points, axis=0) + 0.55
        left.add_patch(
            Ellipse(
                (x, y),
                width * 1.1,
                height * 1.1,
                fill=False,
                lw=1.2,
                ls='--',
                color=COLOURS[index],
            )
        )
    for x, y, text in (
        (2.85, 4.6, 'label 1'),
        (4.2, 4.45, 'label 2'),
        (3.1, 1.95, 'label 3'),
    ):
        note(left, x, y, text)
    note(
        left,
        2.8,
        0.55,
        'as many classes as clusters, a number to choose;\n'
        'clusters differ in size, and may be empty',
    )

    right.scatter(*np.concatenate(groups).T, s=22, color=LIGHT)
    anchor, near, far = (1.1, 3.55), (2.15, 3.05), (4.05, 3.7)
    for name, point, colour, offset in (
        ('anchor $a$', anchor, DARK, (-0.05, -0.33)),
        ('$c_1$', near, BLUE, (0.0, -0.33)),
        ('$c_2$', far, ORANGE, (0.34, 0.12)),
    ):
        if point is not anchor:
            right.plot(*zip(anchor, point), color=colour, lw=2)
        right.scatter(*point, s=75, color=colour, zorder=3)
        note(
            right,
            point[0] + offset[0],
            point[1] + offset[1],
            name,
            fontsize=SIZE + 1,
        )
    note(right, 1.95, 3.48, '$d_1$', color=BLUE, fontsize=SIZE + 1)
    note(right, 2.75, 3.85, '$d_2$', color=ORANGE, fontsize=SIZE + 1)
    note(
        right,
        2.8,
        1.3,
        '$(a, c_1, c_2)$: the first, for $d_1 < d_2$\n'
        '$(a, c_2, c_1)$: the second',
        fontsize=SIZE + 1,
    )
    note(
        right,
        2.8,
        0.55,
        'two classes, whatever the data; swapping the\n'
        'candidates swaps the label, so they are equally large',
    )
    return figure


def cycle() -> Figure:
    """From the bank to the loss, and back by a refresh."""
    figure = new_figure(11, 4.9)
    axes = figure.subplots()
    canvas(axes, 15.4, 6.6)
    top, bottom, width, height = 5.0, 1.6, 2.5, 1.25
    columns = [1.5, 4.6, 7.7, 10.8, 13.9]
    note(
        axes,
        0.25,
        6.2,
        'Label: the bank is filled once a cycle',
        ha='left',
        weight='bold',
        color=BLUE,
    )
    note(
        axes,
        0.25,
        0.35,
        'Learn: every step of the cycle',
        ha='left',
        weight='bold',
        color=RED,
    )
    texts = (
        'all training\nsequences,\nnot augmented',
        'encoder\nin eval mode',
        'feature bank:\na row a sample,\nfrozen for a cycle',
        "distances\n$D[a, c]$ of the\nbatch's samples",
        'labels:\nis $D[a, c_1]$\n$< D[a, c_2]$ ?',
    )
    for x, text in zip(columns, texts):
        box(axes, x, top, width, height, text, BLUE, 'bank' in text)
    texts = (
        'a batch of\naugmented clips',
        'encoder\nin train mode',
        'features\n$f_a, f_c$',
        'head: a score\n$u[a, c]$ for\neach pair',
        'loss of\n$u[a, c_1] - u[a, c_2]$,\nall triplets',
    )
    for x, text in zip(columns, texts):
        box(axes, x, bottom, width, height, text, RED, 'loss' in text)
    half = width / 2
    for y, colour in ((top, BLUE), (bottom, RED)):
        for x, following in zip(columns, columns[1:]):
            arrow(axes, (x + half, y), (following - half, y), colour)
    arrow(
        axes, (columns[4], top - height / 2), (columns[4], bottom + height / 2)
    )
    # the way back
    y = bottom - height / 2
    arrow(
        axes, (columns[4], y), (columns[1], y), RED, dashed=True, bend=-0.085
    )
    note(axes, 9.3, 0.36, 'gradient', color=RED)
    arrow(
        axes, (columns[1], bottom + height / 2), (columns[1], top - height / 2)
    )
    note(
        axes,
        columns[1] + 0.2,
        3.3,
        'its weights, at a refresh: when the ranking loss of\n'
        'held-out samples is stable, or every so many epochs',
        ha='left',
    )
    note(axes, columns[4] - 0.2, 3.3, 'fixed until\nthe refresh', ha='right')
    return figure


def views() -> Figure:
    """Three encoders, three sets of distances, nine heads."""
    figure = new_figure(11, 5.4)
    axes = figure.subplots()
    canvas(axes, 15.4, 7.0)
    rows = [5.0, 3.4, 1.8]
    names = ('joint', 'bone', 'motion')
    letters = 'JBM'
    colours = (BLUE, ORANGE, GREEN)
    labels = [
        'sequence',
        'encoders',
        'bank distances',
    ]
    for x, text in zip((1.2, 4.0, 7.0), labels):
        note(axes, x, 5.85, text, weight='bold', va='baseline')
    columns = [9.9, 11.9, 13.9]
    for x, text in zip(columns, ('self', 'other', 'all')):
        note(axes, x, 5.85, text, weight='bold', va='baseline')
    note(
        axes, 11.9, 6.5, 'heads, and whose distances label them', weight='bold'
    )
    for y, name, letter, colour in zip(rows, names, letters, colours):
        box(axes, 1.2, y, 1.7, 1.0, name, colour)
        box(axes, 4.0, y, 1.9, 1.0, f'encoder {letter}', colour)
        box(axes, 7.0, y, 1.5, 1.0, f'$D^{letter}$', colour, filled=True)
        arrow(axes, (2.05, y), (3.05, y), colour)
        arrow(axes, (4.95, y), (6.25, y), colour)
        for x, view in zip(columns, ('self', 'other', 'all')):
            axes.add_patch(
                FancyBboxPatch(
                    (x - 0.85, y - 0.5),
                    1.7,
                    1.0,
                    boxstyle='round,pad=0,rounding_size=0.12',
                    edgecolor=colour,
                    facecolor='white',
                    linewidth=1.4,
                )
            )
            for place, (other, tint) in enumerate(zip(letters, colours)):
                used = {
                    'self': other == letter,
                    'other': other != letter,
                    'all': True,
                }[view]
                axes.text(
                    x - 0.5 + 0.5 * place,
                    y,
                    other,
                    ha='center',
                    va='center',
                    fontsize=SIZE,
                    weight='bold',
                    color=ink(tint) if used else '#999999',
                    bbox=dict(
                        boxstyle='circle,pad=0.25',
                        facecolor=tint if used else 'white',
                        edgecolor=tint if used else LIGHT,
                    ),
                )
    note(
        axes,
        7.7,
        0.55,
        "A head predicts, from the features of its row's encoder, which "
        'candidate the sum of its marked distances calls closer.\n'
        'Each encoder learns from the three heads of its row: '
        '$\\lambda_{self} L_{self} + \\lambda_{other} L_{other} + '
        '\\lambda_{all} L_{all}$.',
    )
    return figure


PICTURES = dict(
    method_rank_or_cluster=rank_or_cluster,
    method_cycle=cycle,
    method_views=views,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--out', type=Path, default=IMAGES, help='the folder')
    parser.add_argument('--suffix', choices=SUFFIXES, default='.svg')
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    # the same file again, as long as matplotlib is the same
    matplotlib.rcParams['svg.hashsalt'] = 'deeprank_mm'
    metadata = dict(Date=None) if args.suffix == '.svg' else None
    for name, draw in PICTURES.items():
        path = args.out / f'{name}{args.suffix}'
        draw().savefig(
            path, bbox_inches='tight', facecolor='white', metadata=metadata
        )
        print(path)


if __name__ == '__main__':
    main()
