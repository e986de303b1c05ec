"""A sequence above the bars of its classes."""

import numpy as np
import pytest

from deeprank_mm.visualization.prediction import draw_prediction
from deeprank_mm.visualization.skeleton import Clip
from tests import toy

CLIP = Clip(np.random.default_rng(0).normal(size=(2, 12, 5, 3)))
CLASSES = [('wave', 0.75), ('a very long name that does not fit', 0.2)]


def test_every_class_has_its_bar_and_number():
    figure = draw_prediction(CLIP, CLASSES, toy.LAYOUT, frames=4)
    *frames, bars = figure.axes
    assert len(frames) == 4
    texts = [text.get_text() for text in bars.texts]
    assert texts[:2] == ['wave', '75.0 %'] and texts[3] == '20.0 %'
    assert 'a very long name' in texts[2] and len(texts[2]) < 30
    widths = [patch.get_width() for patch in bars.patches]
    assert widths[-2:] == [0.75, 0.2]
    # inside of the picture, whatever the number of frames
    for count in (1, 12):
        figure = draw_prediction(CLIP, CLASSES, toy.LAYOUT, frames=count)
        for axes in figure.axes:
            box = axes.get_position()
            assert 0 <= box.x0 <= box.x1 <= 1 and 0 <= box.y0 <= box.y1 <= 1


def test_nothing_to_draw():
    with pytest.raises(ValueError, match='0 classes'):
        draw_prediction(CLIP, [], toy.LAYOUT)
