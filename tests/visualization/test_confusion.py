import os
import re

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from deeprank_mm.visualization import draw_confusion


def matrix(count):
    """Counts in which each class is right 3 times out of 4."""
    out = np.eye(count, dtype=int) * 3
    out[np.arange(count), (np.arange(count) + 1) % count] += 1
    return out


def words(path):
    """Every piece of text in an SVG, where it stands beside its outline."""
    return re.findall(r'<!-- (.+?) -->', path.read_text())


def test_rows_are_shares_of_their_class(tmp_path):
    counts = np.array([[30, 10, 0], [1, 1, 2], [0, 0, 7]])
    path = tmp_path / 'new' / 'x.svg'
    draw_confusion(counts, path, ['sit', 'stand', 'walk'], 'a title')
    said = words(path)
    numbers = [int(word) for word in said if word.isdigit()]
    assert numbers == [75, 25, 25, 25, 50, 100]
    assert said.count('stand') == 2  # beside its row and below its column
    assert {'a title', 'predicted', 'true'} < set(said)
    assert os.listdir(path.parent) == ['x.svg']


@pytest.mark.parametrize('count', [2, 10, 60])
def test_pictures_of_all_sizes(tmp_path, count):
    path = tmp_path / 'x.png'
    draw_confusion(matrix(count), path)
    picture = np.asarray(Image.open(path).convert('L'))
    assert min(picture.shape) > 200
    assert picture[0].min() == 255  # a margin, nothing is cut off
    # Whoever runs down the diagonal meets dark cells.
    assert (picture < 110).sum() > count


def test_too_many_classes_have_no_numbers(tmp_path):
    draw_confusion(
        matrix(31), tmp_path / 'x.svg', [f'c{i}' for i in range(31)]
    )
    said = words(tmp_path / 'x.svg')
    assert 'c30' in said and '75' not in said


def test_class_without_samples(tmp_path):
    counts = matrix(4)
    counts[2] = 0
    with np.errstate(all='raise'):
        draw_confusion(counts, tmp_path / 'x.svg', ['a', 'b', 'c', 'd'])
    said = words(tmp_path / 'x.svg')
    assert 'c (no samples)' in said and said.count('75') == 3


def test_long_names_are_cut(tmp_path):
    draw_confusion(matrix(2), tmp_path / 'x.svg', ['a' * 50, 'b c ' * 20])
    longest = max(words(tmp_path / 'x.svg'), key=len)
    assert len(longest) == 32 and longest.endswith('\u2026')


def test_pyplot_knows_nothing_of_it(tmp_path):
    before = matplotlib.get_backend(), pyplot.get_fignums()
    settings = dict(matplotlib.rcParams)
    draw_confusion(matrix(3), tmp_path / 'x.png')
    assert before == (matplotlib.get_backend(), pyplot.get_fignums())
    assert settings == dict(matplotlib.rcParams)


@pytest.mark.parametrize(
    'counts, names, path, message',
    [
        (matrix(3), None, 'x.jpg', 'x.jpg must end in .png or .svg'),
        (np.ones((2, 3)), None, 'x.png', r'square.*\(2, 3\)'),
        (np.ones(3), None, 'x.png', r'square.*\(3,\)'),
        (np.ones((0, 0)), None, 'x.png', 'no class'),
        (-matrix(3), None, 'x.png', 'counts'),
        (matrix(3) * np.nan, None, 'x.png', 'counts'),
        (matrix(3), ['a', 'b'], 'x.png', '2 class names for 3 classes'),
    ],
)
def test_clear_errors(tmp_path, counts, names, path, message):
    with pytest.raises(ValueError, match=message):
        draw_confusion(counts, tmp_path / path, names)
    assert not os.listdir(tmp_path)
