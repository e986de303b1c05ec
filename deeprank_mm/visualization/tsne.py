"""Features of several encoders in the plane (Figs. 5 and 7)."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Sequence

import numpy as np
from sklearn.manifold import TSNE
from torch import Tensor

from .style import LIGHT, class_style, new_figure, save_figure

# More classes than this have no room in a legend.
_MOST_NAMED = 60


class Panel(NamedTuple):
    """One plane.

    Attributes:
        title (str): Whose features they are.
        points (np.ndarray): ``(N, 2)``.
        labels (np.ndarray): ``(N, )`` int, their classes.
    """

    title: str
    points: np.ndarray
    labels: np.ndarray


def embed(
    features: Tensor, perplexity: float = 30.0, seed: int = 0
) -> np.ndarray:
    """t-SNE to two dimensions, by scikit-learn, from principal components.

    Args:
        features (Tensor): ``(N, D)``, at least four.
        perplexity (float): About how many neighbours count; less where there
            are few samples. Defaults to 30.
        seed (int): Of the random numbers. Defaults to 0.

    Returns:
        np.ndarray: ``(N, 2)``.

    Raises:
        ValueError: If there are too few samples.
    """
    if len(features) < 4:
        raise ValueError(
            f't-SNE needs at least 4 samples, got {len(features)}.'
        )
    tsne = TSNE(
        perplexity=effective_perplexity(perplexity, len(features)),
        init='pca',
        random_state=seed,
    )
    return tsne.fit_transform(features.double().numpy())


def effective_perplexity(perplexity: float, samples: int) -> float:
    """The perplexity that so many samples allow.

    Args:
        perplexity (float): The one asked for.
        samples (int): How many there are.

    Returns:
        float: It, or a third of the others.
    """
    return min(perplexity, (samples - 1) / 3)


def draw_tsne(
    panels: Sequence[Panel],
    path: str,
    class_names: Mapping[int, str],
    caption: str = '',
) -> None:
    """Draw planes side by side, a colour and a shape for each class.

    Args:
        panels (Sequence[Panel]): From left to right.
        path (str): File to write, ``.png`` or ``.svg``.
        class_names (Mapping[int, str]): Of every class drawn.
        caption (str): What was run, below. Defaults to ``''``.

    Raises:
        ValueError: If there is nothing to draw, or the path has another
            suffix.
    """
    if not panels:
        raise ValueError('There are no features to draw.')
    classes = sorted({int(c) for panel in panels for c in panel.labels})
    figure = new_figure(4.2 * len(panels), 4.4)
    for axes, panel in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels
    ):
        # small samples are seen better by larger dots
        size = min(40.0, max(8.0, 6000 / len(panel.points)))
        for i, label in enumerate(classes):
            colour, marker = class_style(i)
            mine = panel.labels == label
            axes.scatter(
                *panel.points[mine].T,
                s=size,
                c=colour,
                marker=marker,
                linewidths=0.3,
                edgecolors='white',
                alpha=0.85,
                label=class_names[label],
            )
        axes.set_title(panel.title, fontsize=10)
        # distances in the plane have no unit
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(LIGHT)
    if len(classes) <= _MOST_NAMED:
        handles, names = figure.axes[0].get_legend_handles_labels()
        figure.legend(
            handles,
            names,
            loc='outside lower center',
            ncols=min(len(classes), 3 * len(panels)),
            frameon=False,
            fontsize=8,
            markerscale=1.3,
        )
    if caption:
        figure.suptitle(caption, fontsize=8)
    save_figure(figure, path)
