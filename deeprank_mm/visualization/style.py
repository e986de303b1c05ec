"""What the figures of the paper share: colours, and how they are saved."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from deeprank_mm.atomic import atomic_write

SUFFIXES = ('.png', '.svg')
# Okabe and Ito's, which the colour-blind tell apart; no yellow on white.
COLOURS = (
    '#0072b2',
    '#e69f00',
    '#009e73',
    '#d55e00',
    '#cc79a7',
    '#56b4e9',
    '#333333',
)
# With a shape beside the colour: 49 classes before a pair comes again.
MARKERS = ('o', '^', 's', 'X', 'D', 'v', 'P')
DARK = '#333333'
LIGHT = '#cccccc'


def class_style(index: int) -> Tuple[str, str]:
    """How to draw a class.

    Args:
        index (int): Which of the classes drawn.

    Returns:
        tuple[str, str]: Colour and marker; neighbours differ in both.
    """
    turn = index // len(COLOURS)
    return (
        COLOURS[index % len(COLOURS)],
        MARKERS[(index + turn) % len(MARKERS)],
    )


def new_figure(
    width: float, height: float, layout: str = 'constrained'
) -> Figure:
    """A figure that needs no display.

    Args:
        width (float): Inches.
        height (float): Inches.
        layout (str): Matplotlib's engine. Defaults to ``'constrained'``.

    Returns:
        Figure: Empty.
    """
    figure = Figure((width, height), dpi=150, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def check_suffix(path: str) -> None:
    """Refuse a picture of another format, before anything is computed.

    Args:
        path (str): The picture.

    Raises:
        ValueError: If it ends in neither ``.png`` nor ``.svg``.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(
            f'the picture {path} must end in {" or ".join(SUFFIXES)}'
        )


def save_figure(figure: Figure, path: str) -> None:
    """Write a figure that is never seen half written.

    Args:
        figure (Figure): The figure.
        path (str): ``.png`` or ``.svg``; its folder is made if need be.

    Raises:
        ValueError: If it ends in neither.
        OSError: If it cannot be written.
    """
    check_suffix(path)
    with atomic_write(str(path)) as file:
        figure.savefig(
            file,
            format=Path(path).suffix.lower()[1:],
            bbox_inches='tight',
            facecolor='white',
        )
