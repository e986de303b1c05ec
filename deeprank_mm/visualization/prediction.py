"""A skeleton sequence with the classes that a model sees in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .bodies import Layout, skeleton_of
from .skeleton import Clip, _panel, _Poses, _write_legend

__all__ = ['draw_prediction']

_BEST, _OTHER = '#0072b2', '#c9d7e2'
_HEIGHT, _BAR, _FOOT = 1.7, 0.24, 0.28
_LEFT, _BARS, _RIGHT = 1.9, 3.2, 0.7


def draw_prediction(
    clip: Clip,
    classes: Sequence[tuple[str, float]],
    layout: Layout,
    frames: int = 8,
    up: str = 'y',
    azimuth: float = 0.0,
    heading: str = '',
) -> Figure:
    """Draw a sequence as a row of frames, above bars of probabilities.

    Args:
        clip (Clip): The sequence.
        classes (Sequence[tuple[str, float]]): Names and probabilities, best
            first.
        layout (str or Mapping): See :func:`.skeleton_of`.
        frames (int): At most so many. Defaults to 8.
        up (str): See :func:`.project`.
        azimuth (float): See :func:`.project`.
        heading (str): Text above.

    Returns:
        Figure: Save it with :func:`.save_picture`.

    Raises:
        ValueError: There is no class, or the clip's shape does not fit the
            layout.
    """
    if not classes or frames < 1:
        raise ValueError(
            f'nothing to draw: {len(classes)} classes, {frames} frames'
        )
    skeleton = skeleton_of(layout)
    poses = _Poses(clip, skeleton, up, azimuth).take(frames).centred()
    size = poses.size()
    aspect = float(np.clip(size[0] / size[1], 0.6, 1.8))
    cell = _HEIGHT * aspect
    top = 0.34 if heading else 0.08
    bars = _BAR * len(classes)
    width = max(_LEFT + _BARS + _RIGHT, 0.2 + poses.length * cell)
    height = top + _HEIGHT + 0.25 + bars + 0.12 + _FOOT
    figure = Figure(figsize=(width, height), dpi=100, facecolor='white')
    FigureCanvasAgg(figure)
    bottom = height - top - _HEIGHT
    for t in range(poses.length):
        box = (0.1 + t * cell, bottom, cell, _HEIGHT)
        axes = _panel(figure, box, poses.limits(size, aspect))
        poses.draw(axes, t)
        axes.text(
            0.5,
            0.0,
            f'{poses.numbers[t] + 1}',
            transform=axes.transAxes,
            fontsize=6,
            color='#999999',
            ha='center',
            va='top',
        )
    _draw_bars(figure, classes, _FOOT + 0.12, bars)
    if heading:
        figure.text(
            0.1 / width,
            1 - 0.1 / height,
            heading,
            fontsize=9,
            va='top',
            weight='bold',
        )
    _write_legend(figure, skeleton, poses.people > 1)
    return figure


def _draw_bars(
    figure: Figure,
    classes: Sequence[tuple[str, float]],
    bottom: float,
    tall: float,
) -> None:
    """Horizontal bars from 0 to 1, the name left and the number right."""
    width, height = figure.get_size_inches()
    wide = width - _LEFT - _RIGHT
    axes = figure.add_axes(
        (_LEFT / width, bottom / height, wide / width, tall / height)
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.set_axis_off()
    scores = [score for _, score in classes]
    colours = [_BEST] + [_OTHER] * (len(classes) - 1)
    axes.barh(range(len(classes)), [1] * len(classes), 0.62, color='#f3f5f7')
    axes.barh(range(len(classes)), scores, 0.62, color=colours)
    for i, (title, score) in enumerate(classes):
        common = dict(
            fontsize=8, va='center', weight='normal' if i else 'bold'
        )
        short = title if len(title) <= 26 else f'{title[:23]}...'
        axes.text(-0.1 / wide, i, short, ha='right', **common)
        axes.text(1 + 0.08 / wide, i, f'{100 * score:.1f} %', **common)
