"""The pictures hold what they are given; that they are good, people judge."""

import numpy as np
import pytest
import torch
from PIL import Image

from deeprank_mm.visualization.class_distances import draw_class_distances
from deeprank_mm.visualization.gains import draw_gains
from deeprank_mm.visualization.label_precision import draw_precision
from deeprank_mm.visualization.style import COLOURS, class_style
from deeprank_mm.visualization.training_curves import (
    Curve,
    CurvePanel,
    draw_training_curves,
)
from deeprank_mm.visualization.tsne import Panel, draw_tsne, embed


def pixels(path, colour):
    """How many pixels have a colour exactly."""
    image = np.asarray(Image.open(path).convert('RGB')).astype(int)
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(image - wanted) <= 1).all(-1).sum())


def test_classes_differ_in_colour_or_shape():
    styles = [class_style(i) for i in range(49)]
    assert len(set(styles)) == 49
    assert len({colour for colour, _ in styles[:7]}) == 7


def test_tsne_keeps_separate_what_is_separate():
    labels = torch.arange(24) % 2
    features = 20.0 * labels[:, None] + torch.randn(24, 6)
    points = embed(features, seed=1)
    assert np.array_equal(points, embed(features, seed=1))
    one, two = points[labels == 0], points[labels == 1]
    gap = np.linalg.norm(one.mean(0) - two.mean(0))
    assert gap > max(
        np.linalg.norm(p - p.mean(0), axis=1).mean() for p in (one, two)
    )
    with pytest.raises(ValueError, match='at least 4 samples, got 3'):
        embed(features[:3])


def test_tsne_picture(tmp_path):
    labels = np.array([0, 0, 3, 3])
    points = np.random.default_rng(0).normal(size=(4, 2))
    panels = [Panel('one', points, labels), Panel('two', points, labels)]
    path = tmp_path / 'x.png'
    draw_tsne(panels, str(path), {0: 'sit', 3: 'stand'}, 'caption')
    width, height = Image.open(path).size
    assert width > 1.5 * height
    svg = tmp_path / 'x.svg'
    draw_tsne(panels[:1], str(svg), {0: 'sit', 3: 'stand'})
    assert svg.read_text().lstrip().startswith('<?xml')


def test_distance_matrices_share_a_scale(tmp_path):
    names = ['a', 'b']
    low, high = np.full((2, 2), 0.1), np.full((2, 2), 0.4)
    high[1, 1] = np.nan
    path = str(tmp_path / 'x.png')
    draw_class_distances(dict(low=low, high=high), path, names)
    # viridis ends in yellow: three cells of the second matrix are the top
    assert pixels(path, '#fde724') > 1000
    with pytest.raises(ValueError, match=r'\(2, 2\) for 3 classes'):
        draw_class_distances(dict(low=low), path, ['a', 'b', 'c'])


def test_gains_are_a_dot_for_each_seed(tmp_path):
    path = str(tmp_path / 'x.png')
    few = dict(random={'0': 0.4}, ours={'0': 0.5})
    draw_gains(dict(knn=few), path)
    first, second = (pixels(path, colour) for colour in COLOURS[:2])
    assert first > 50 and not second
    # a row may lack a seed, a panel a row
    more = dict(random={'0': 0.4, '1': 0.3}, ours={'1': 0.6})
    draw_gains(dict(knn=few, linear=more), path)
    assert pixels(path, COLOURS[0]) > first
    assert pixels(path, COLOURS[1]) > 50


def test_precision_lines_and_chances(tmp_path):
    curves = dict(one={0: 0.5, 1: 0.6, 2: 0.7}, two={0: 0.1, 2: 0.2})
    path = str(tmp_path / 'x.png')
    draw_precision(curves, path)
    plain = [pixels(path, colour) for colour in COLOURS[:3]]
    assert plain[0] > 100 and plain[1] > 100 and not plain[2]
    draw_precision(curves, path, dict(one=0.5), 'caption')
    assert pixels(path, COLOURS[0]) > plain[0]


def test_curves_with_refresh_marks(tmp_path):
    panels = [
        CurvePanel('loss', [Curve('a', {0: 1.0, 5: 0.5}, 0)]),
        CurvePanel('kNN', [Curve('b', {0: 0.1, 5: 0.3}, 1, marker=0)]),
    ]
    path = str(tmp_path / 'x.png')
    draw_training_curves(panels, path)
    assert pixels(path, COLOURS[0]) > 100
    assert pixels(path, COLOURS[1]) > 100
    plain = pixels(path, '#cccccc')
    draw_training_curves(panels, path, [0, 2.5], caption='run')
    # a line of refreshes in each panel
    assert pixels(path, '#cccccc') > plain + 400


def test_curves_of_several_modalities_are_beside_each_other(tmp_path):
    curve = Curve('a', {0: 1.0, 5: 0.5}, 0)
    path = str(tmp_path / 'x.png')
    draw_training_curves([CurvePanel('loss', [curve], 'joint')], path)
    _, height = Image.open(path).size
    panels = [
        CurvePanel('loss', [curve], 'joint'),
        CurvePanel('loss', [curve], 'bone'),
        CurvePanel('kNN', [curve], 'bone'),
    ]
    draw_training_curves(panels[:2], path)
    beside = Image.open(path).size
    draw_training_curves(panels, path)
    below = Image.open(path).size
    assert beside[1] < 1.2 * height
    # a place of the grid stays empty
    assert below[1] > 1.5 * beside[1] and below[0] < 1.2 * beside[0]


@pytest.mark.parametrize(
    'draw',
    [
        lambda path: draw_tsne([], path, {}),
        lambda path: draw_class_distances({}, path, []),
        lambda path: draw_precision({}, path),
        lambda path: draw_training_curves([], path),
        lambda path: draw_gains({}, path),
        lambda path: draw_gains(dict(a=dict(row={})), path),
    ],
)
def test_nothing_to_draw(draw, tmp_path):
    with pytest.raises(ValueError, match='There (is|are) no'):
        draw(str(tmp_path / 'x.png'))


def test_another_format(tmp_path):
    with pytest.raises(ValueError, match='must end in .png or .svg'):
        draw_precision(dict(a={0: 0.5}), str(tmp_path / 'x.jpg'))
