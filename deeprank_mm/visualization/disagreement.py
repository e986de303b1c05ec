"""How often the views of MV-DeepRank disagree, as bars (Fig. 4)."""

from __future__ import annotations

import os
from typing import Dict, Mapping, Optional, Tuple, Union

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from deeprank_mm.ranking import VIEWS, Disagreement

# Told apart also by the colour-blind, and in print by their hatches.
_STYLES = {
    'other': dict(color='#0072b2'),
    'all': dict(color='#e69f00', hatch='//', edgecolor='white'),
}
_DARK = '#333333'
_GROUP = 0.8  # width of a modality's bars together


def draw_disagreement(
    shares: Mapping[Tuple[str, str], Disagreement],
    path: Union[str, os.PathLike],
    title: str = '',
    reference: Optional[Mapping[Tuple[str, str], float]] = None,
    reference_name: str = 'reference',
) -> None:
    """Draw a bar for each modality and view, intervals as whiskers.

    Args:
        shares (Mapping[tuple[str, str], Disagreement]): By ``(modality,
            view)``, as :func:`~deeprank_mm.ranking.sampled_disagreement`
            gives them.
        path (str or Path): Picture to write; its suffix is the format.
        title (str): Where the figures come from. Defaults to ``''``.
        reference (Mapping[tuple[str, str], float], optional): Shares from
            elsewhere, dashed lines over the bars of the same modality and
            view. Defaults to None.
        reference_name (str): Whose they are.

    Raises:
        ValueError: If there is nothing to draw.
    """
    if not shares:
        raise ValueError('There is no label disagreement to draw.')
    names = list(dict.fromkeys(name for name, _ in shares))
    views = [v for v in VIEWS if any(view == v for _, view in shares)]
    figure = Figure(figsize=(1.6 + 1.7 * len(names), 3.6), dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    width = _GROUP / len(views)
    places: Dict[Tuple[str, str], float] = {
        (name, view): i + (j - (len(views) - 1) / 2) * width
        for i, name in enumerate(names)
        for j, view in enumerate(views)
    }
    for view in views:
        drawn = [name for name in names if (name, view) in shares]
        values = [shares[name, view] for name in drawn]
        axes.bar(
            [places[name, view] for name in drawn],
            [100 * v.share for v in values],
            0.92 * width,
            yerr=[
                [100 * (v.share - v.low) for v in values],
                [100 * (v.high - v.share) for v in values],
            ],
            error_kw=dict(ecolor=_DARK, elinewidth=1, capsize=3),
            label=f'{view} view',
            linewidth=0,
            **_STYLES[view],
        )
        for name, value in zip(drawn, values):
            axes.annotate(
                f'{100 * value.share:.1f}',
                (places[name, view], 100 * value.high),
                (0, 2),
                textcoords='offset points',
                ha='center',
                va='bottom',
                fontsize=8,
            )
    for i, (head, share) in enumerate((reference or {}).items()):
        if head in shares:
            _reference(
                axes,
                places[head],
                width,
                100 * share,
                reference_name if i == 0 else None,
            )
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel('labels that differ\nfrom the self view (%)')
    # room for the figures above the bars
    axes.margins(y=0.12)
    axes.set_ylim(bottom=0)
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(
        loc='upper center',
        bbox_to_anchor=(0.5, -0.1),
        ncols=3,
        frameon=False,
        fontsize=8,
    )
    if title:
        axes.set_title(title, fontsize=8)
    figure.savefig(path, bbox_inches='tight')


def _reference(
    axes: Axes, place: float, width: float, value: float, label: Optional[str]
) -> None:
    axes.hlines(
        value,
        place - width / 2,
        place + width / 2,
        colors=_DARK,
        linestyles='--',
        linewidth=1.4,
        label=label,
    )
    axes.annotate(
        f'{value:.1f}',
        (place - width / 2, value),
        (1, 3),
        textcoords='offset points',
        va='bottom',
        fontsize=7,
        color=_DARK,
        bbox=dict(facecolor='white', edgecolor='none', pad=0.5),
    )
