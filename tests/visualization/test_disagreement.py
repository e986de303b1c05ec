import numpy as np
import pytest
from PIL import Image

from deeprank_mm.ranking import Disagreement
from deeprank_mm.visualization import draw_disagreement

SHARES = {
    ('joint', 'other'): Disagreement(0.25, 0.24, 0.26, 1000),
    ('joint', 'all'): Disagreement(0.0, 0.0, 0.01, 1000),
    ('bone', 'other'): Disagreement(0.5, 0.5, 0.5, 60),
}


def test_bars_and_reference_lines(tmp_path):
    plain, marked = tmp_path / 'plain.png', tmp_path / 'marked.png'
    draw_disagreement(SHARES, plain)
    draw_disagreement(
        SHARES, marked, reference={('joint', 'other'): 0.29, ('x', 'y'): 0.1}
    )
    image = np.asarray(Image.open(plain).convert('RGB'))
    blue = (image == (0x00, 0x72, 0xB2)).all(-1)
    # the bar of 50 % is twice as large as that of 25 %; that of 0 % is none
    assert blue.sum() > 1000
    left, right = np.array_split(blue, 2, axis=1)
    assert right.sum() == pytest.approx(2 * left.sum(), rel=0.05)
    assert plain.read_bytes() != marked.read_bytes()


def test_nothing_to_draw(tmp_path):
    with pytest.raises(ValueError, match='no label disagreement'):
        draw_disagreement({}, tmp_path / 'x.png')
