"""Picture of a confusion matrix."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.ticker import PercentFormatter

from .style import check_suffix, new_figure, save_figure

__all__ = ['draw_confusion']

# One colour that only gets darker: in the order of lightness, so that it
# needs no sense of colour and no colour printer.
_COLOURS = 'Blues'
# More classes leave no room for a number in each cell.
_MOST_NUMBERS = 30
_NO_SAMPLES = '#d9d9d9'
_GRID = '#cccccc'
_TICKS = (0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1)
# Inches for the bar of colours and the words beside.
_MARGIN = 1.4
# Inches of the cells together, where there are few.
_SMALLEST = 2.4
# About the width of a letter, for each point of its size.
_INCHES = 0.6 / 72
# Letters of a name; longer ones are cut.
_LONGEST = 32


def draw_confusion(
    matrix: np.ndarray,
    path: str,
    class_names: Optional[Sequence[str]] = None,
    title: Optional[str] = None,
) -> None:
    """Draw a confusion matrix, each row as shares of its true class.

    The cells show per cent, where there are no more than 30 classes.
    Classes without samples have a grey row.

    Args:
        matrix (np.ndarray): ``(C, C)`` counts; rows are true classes.
        path (str): File to write, ``.png`` or ``.svg``; its folder is made
            if need be.
        class_names (Sequence[str], optional): ``C`` names. Defaults to None,
            the numbers of the classes.
        title (str, optional): Line above the picture. Defaults to None.

    Raises:
        ValueError: If the matrix is not square, not of finite counts >= 0,
            or not of one class a name; or the path has another suffix.
        OSError: If the file cannot be written.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    _check(matrix, path, class_names)
    count = len(matrix)
    totals = matrix.sum(1)
    # A class without samples has no shares: its row is masked.
    empty = np.broadcast_to(totals[:, None] == 0, matrix.shape)
    shares = np.ma.masked_array(
        matrix / np.where(totals == 0, 1, totals)[:, None], empty
    )
    columns, rows = _names(class_names, totals)
    numbered = count <= _MOST_NUMBERS
    # Inches a cell, and points of the names beside it.
    cell, points = (0.4, 9) if numbered else (0.17, 7)
    longest = max(len(name) for name in rows)
    side = max(cell * count, _SMALLEST) + _MARGIN + longest * points * _INCHES
    figure = new_figure(side, side, layout='compressed')
    axes = figure.add_subplot()
    # By the square root, so that confusions of a few per cent are seen.
    colours = ScalarMappable(PowerNorm(0.5, 0, 1), _COLOURS)
    axes.set_facecolor(_NO_SAMPLES)
    axes.pcolormesh(
        shares,
        cmap=colours.cmap,
        norm=colours.norm,
        edgecolors=_GRID,
        linewidth=0.3,
    )
    axes.set(aspect='equal', ylim=(count, 0))
    middles = np.arange(count) + 0.5
    rotation = 0 if class_names is None else 90  # numbers are short
    axes.set_xticks(middles, columns, fontsize=points, rotation=rotation)
    axes.set_yticks(middles, rows, fontsize=points)
    axes.tick_params(length=0)
    heading = max(points + 2, side)  # larger pictures are seen from further
    axes.set_xlabel('predicted', fontsize=heading)
    axes.set_ylabel('true', fontsize=heading)
    if numbered:
        _write_shares(axes, shares, colours)
    if title:
        axes.set_title(title, fontsize=heading, wrap=True)
    bar = figure.colorbar(colours, ax=axes, ticks=_TICKS, aspect=30)
    bar.ax.tick_params(labelsize=points)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1))
    bar.set_label('share of the true class', fontsize=heading)
    save_figure(figure, path)


def _check(
    matrix: np.ndarray, path: str, class_names: Optional[Sequence[str]]
) -> None:
    check_suffix(path)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            'a confusion matrix is square, one row and one column a class, '
            f'and not of shape {matrix.shape}'
        )
    if not len(matrix):
        raise ValueError('the confusion matrix has no class')
    if not np.isfinite(matrix).all() or (matrix < 0).any():
        raise ValueError('a confusion matrix holds counts, finite and >= 0')
    if class_names is not None and len(class_names) != len(matrix):
        raise ValueError(
            f'there are {len(class_names)} class names for {len(matrix)} '
            'classes: give one each'
        )


def _names(
    class_names: Optional[Sequence[str]], totals: np.ndarray
) -> Tuple[List[str], List[str]]:
    """What stands below the columns, and beside the rows."""
    if class_names is None:
        class_names = [str(i) for i in range(len(totals))]
    columns = [_shortened(name) for name in class_names]
    rows = [
        name if total else f'{name} (no samples)'
        for name, total in zip(columns, totals)
    ]
    return columns, rows


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + '\u2026'


def _write_shares(
    axes: Axes, shares: np.ma.MaskedArray, colours: ScalarMappable
) -> None:
    """Write each cell's per cent, but nothing where they round to 0."""
    for (row, column), share in np.ndenumerate(shares.filled(0)):
        percent = round(100 * share)
        if percent:
            red, green, blue, _ = colours.to_rgba(share)
            light = 0.3 * red + 0.6 * green + 0.1 * blue
            axes.text(
                column + 0.5,
                row + 0.5,
                str(percent),
                ha='center',
                va='center',
                fontsize=8,
                color='black' if light > 0.5 else 'white',
                in_layout=False,
            )
