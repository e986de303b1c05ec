"""Class-by-class distance matrices side by side (Fig. 6)."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from .style import new_figure, save_figure

# From dark to light evenly, whatever colours one sees.
_COLOURS = 'viridis'
# More names than this cannot be read beside a matrix.
_MOST_NAMED = 30


def draw_class_distances(
    matrices: Mapping[str, np.ndarray],
    path: str,
    class_names: Sequence[str],
    caption: str = '',
) -> None:
    """Draw matrices with one scale of colours.

    Args:
        matrices (Mapping[str, np.ndarray]): For each encoder ``(C, C)``
            distances, of :func:`.class_distances`; nan stays blank.
        path (str): File to write, ``.png`` or ``.svg``.
        class_names (Sequence[str]): ``C`` names.
        caption (str): What was run. Defaults to ``''``.

    Raises:
        ValueError: If there is nothing to draw, a matrix is of other
            classes, or the path has another suffix.
    """
    if not matrices:
        raise ValueError('There are no class distances to draw.')
    count = len(class_names)
    for name, matrix in matrices.items():
        if matrix.shape != (count, count):
            raise ValueError(
                f'{name}: a matrix of {matrix.shape} for {count} classes.'
            )
    top = max(np.nanmax(matrix) for matrix in matrices.values())
    colours = ScalarMappable(Normalize(0, top), _COLOURS)
    named = count <= _MOST_NAMED
    margin = 0.07 * max(map(len, class_names)) if named else 0.3
    figure = new_figure(2.6 * len(matrices) + margin + 0.8, 3.1 + margin)
    row = figure.subplots(1, len(matrices), squeeze=False)[0]
    for axes, (name, matrix) in zip(row, matrices.items()):
        axes.imshow(matrix, cmap=colours.cmap, norm=colours.norm)
        axes.set_title(f'{name}\n{contrast(matrix)}', fontsize=9)
        axes.tick_params(length=0 if named else 3, labelsize=7)
        if named:
            axes.set_xticks(range(count), class_names, rotation=90)
            axes.set_yticks(
                range(count), class_names if axes is row[0] else []
            )
    bar = figure.colorbar(colours, ax=row, shrink=0.7, aspect=25)
    bar.ax.tick_params(labelsize=7)
    bar.set_label('average cosine distance', fontsize=8)
    if caption:
        figure.suptitle(caption, fontsize=8)
    save_figure(figure, path)


def contrast(matrix: np.ndarray) -> str:
    """Mean distance within classes, and between them.

    Args:
        matrix (np.ndarray): ``(C, C)``.

    Returns:
        str: For a title.
    """
    within = np.diag(matrix)
    between = matrix[~np.eye(len(matrix), dtype=bool)]
    parts = [
        f'{what} {np.nanmean(values):.3f}'
        for what, values in (('within', within), ('between', between))
        if np.isfinite(values).any()
    ]
    return ', '.join(parts)
