"""Strips and animations show what they are given, in one scale."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from deeprank_mm.visualization import (
    Clip,
    draw_strips,
    save_animation,
    save_picture,
)
from deeprank_mm.visualization.skeleton import project

# A cross of five joints: bones from the middle (1) outwards.
LAYOUT = dict(
    num_node=5,
    inward=[(0, 1), (2, 1), (3, 1), (4, 1)],
    center=1,
    left=[3],
    right=[4],
)
CROSS = np.array([[0, 2, 0], [0, 1, 0], [0, 0, 0.1], [-1, 1, 0], [1, 1, 0.2]])


def clip(frames=6, people=1, **kwargs):
    """People who stand beside each other and step to the side."""
    keypoint = np.tile(CROSS, (people, frames, 1, 1)) + 5.0
    keypoint[..., 0] += 3 * np.arange(people)[:, None, None]
    keypoint[..., 0] += 0.1 * np.arange(frames)[:, None]
    return Clip(keypoint, **kwargs)


def bones(axes):
    """Every line drawn in a panel, (N, 2, 2)."""
    found = [
        np.array(segment)
        for c in axes.collections
        if isinstance(c, LineCollection)
        for segment in c.get_segments()
    ]
    return np.array(found).reshape(-1, 2, 2)


def words(figure):
    found = [text.get_text() for text in figure.texts]
    found += [text.get_text() for axes in figure.axes for text in axes.texts]
    return found


def scale(axes):
    """Pixels a unit, horizontally and vertically."""
    axes.apply_aspect()
    corners = axes.transData.transform([(0, 0), (1, 1)])
    return corners[1] - corners[0]


class TestProject:
    def test_image_coordinates_have_y_down(self):
        np.testing.assert_array_equal(project([[3, 4]]), [[3, -4]])

    @pytest.mark.parametrize('up', ['y', '-y', 'z'])
    def test_nobody_is_mirrored(self, up):
        """A right-handed frame stays one: right x up points to the viewer."""
        right, above = project(np.eye(3), up=up).T
        towards = np.cross(right, above)
        ahead = dict(y=2, z=1).get(up[-1])
        assert towards[ahead] == -1
        assert above['xyz'.index(up[-1])] == (-1 if up[0] == '-' else 1)

    def test_kinect_shows_the_right_hand_on_the_left(self):
        facing_the_sensor = [0.5, 1.0, 3.0]  # Kinect: x grows to its left
        assert project(facing_the_sensor)[0] == -0.5

    def test_azimuth_walks_to_the_right(self):
        # From the right side, what was far away is on the right.
        points = [[0.5, 1.0, 3.0]]
        np.testing.assert_allclose(project(points, azimuth=90), [[3.0, 1.0]])
        np.testing.assert_allclose(project(points, azimuth=180), [[0.5, 1.0]])

    @pytest.mark.parametrize(
        'shape, up, message',
        [((4, 4), 'y', '2 or 3 coordinates'), ((4, 3), 'x', 'up must be')],
    )
    def test_refuses(self, shape, up, message):
        with pytest.raises(ValueError, match=message):
            project(np.zeros(shape), up=up)


class TestStrips:
    def test_frames_are_evenly_spaced_and_numbered(self):
        figure = draw_strips([clip(9), clip(1)], LAYOUT, frames=3)
        numbers = [axes.texts[0].get_text() for axes in figure.axes]
        assert numbers == ['1', '5', '9', '1']
        assert all(len(bones(axes)) == 4 for axes in figure.axes)

    def test_one_scale_equal_on_both_axes(self):
        child = Clip(clip().keypoint * 0.5)
        figure = draw_strips([clip(), child, clip(people=2)], LAYOUT)
        scales = np.array([scale(axes) for axes in figure.axes])
        np.testing.assert_allclose(scales, scales[0, 0])

    def test_a_scale_for_each_row(self):
        child = Clip(clip().keypoint * 0.5)
        figure = draw_strips(
            [clip(), child], LAYOUT, frames=1, same_scale=False
        )
        one, two = (scale(axes) for axes in figure.axes)
        np.testing.assert_allclose(one * 2, two)
        np.testing.assert_allclose(two[0], two[1])

    def test_drawn_are_the_bones(self):
        figure = draw_strips([clip()], LAYOUT, frames=1)
        drawn = bones(figure.axes[0])
        shape = drawn - drawn[0, 1]
        expected = project(CROSS[[0, 2, 3, 4]] - CROSS[1])
        np.testing.assert_allclose(shape[:, 0], expected, atol=1e-12)
        np.testing.assert_allclose(shape[:, 1], 0, atol=1e-12)

    def test_everything_is_in_the_panel(self):
        figure = draw_strips([clip(people=2), clip()], LAYOUT)
        for axes in figure.axes:
            points = axes.transData.transform(bones(axes).reshape(-1, 2))
            corners = axes.transAxes.transform([(0, 0), (1, 1)])
            assert (points > corners[0]).all() and (points < corners[1]).all()

    def test_a_walk_does_not_shrink_the_body(self):
        walk = clip().keypoint.copy()
        walk[..., 0] += 10 * np.arange(6)[:, None]
        one = draw_strips([clip()], LAYOUT)
        two = draw_strips([Clip(walk)], LAYOUT)
        np.testing.assert_allclose(scale(one.axes[0]), scale(two.axes[0]))

    def test_a_tracking_failure_does_not_shrink_the_others(self):
        wild = clip().keypoint.copy()
        wild[0, 2, 0] = 1e4
        one = draw_strips([clip()], LAYOUT)
        two = draw_strips([Clip(wild)], LAYOUT)
        np.testing.assert_allclose(scale(one.axes[0]), scale(two.axes[0]))

    @pytest.mark.parametrize('missing', [0.0, np.nan, np.inf])
    def test_missing_joints_have_no_bones(self, missing):
        keypoint = clip(2).keypoint
        keypoint[0, 0, 3] = missing  # an arm: one bone
        keypoint[0, 1, 1] = missing  # the middle: all
        figure = draw_strips([Clip(keypoint)], LAYOUT)
        assert [len(bones(axes)) for axes in figure.axes] == [3, 0]

    def test_the_origin_is_a_place_after_centring(self):
        keypoint = clip(2).keypoint
        keypoint -= keypoint[:, :1, 1:2]
        for zero_is_missing, count in ((True, 0), (False, 4)):
            figure = draw_strips(
                [Clip(keypoint, zero_is_missing=zero_is_missing)], LAYOUT
            )
            assert len(bones(figure.axes[0])) == count

    def test_people_who_come_and_go(self):
        keypoint = clip(3, people=2).keypoint
        keypoint[1, 0] = 0
        keypoint[0, 1] = 0
        keypoint[:, 2] = 0
        for zero_is_missing in (True, False):
            figure = draw_strips(
                [Clip(keypoint, zero_is_missing=zero_is_missing)], LAYOUT
            )
            drawn = [len(bones(axes)) for axes in figure.axes]
            assert drawn == [4, 4, 0]
            assert words(figure).count('no skeleton') == 1

    def test_the_two_who_are_seen_most(self):
        keypoint = clip(4, people=3).keypoint
        keypoint[1, 1:] = 0
        figure = draw_strips([Clip(keypoint)], LAYOUT)
        assert [len(bones(axes)) for axes in figure.axes] == [8] * 4

    def test_nobody_at_all(self):
        figure = draw_strips([Clip(np.zeros((2, 3, 5, 3)))], LAYOUT)
        assert words(figure).count('no skeleton') == 3

    def test_sides_have_colours_of_their_own(self):
        figure = draw_strips([clip()], LAYOUT, frames=1)
        (lines,) = figure.axes[0].collections
        colours = [tuple(c) for c in lines.get_colors()]
        assert len(set(colours)) == 3 and colours[0] == colours[1]
        assert {'left', 'right'} <= set(words(figure))

    def test_scores_are_no_depth(self):
        keypoint = np.random.default_rng(0).uniform(1, 2, (1, 2, 17, 3))
        keypoint[0, 1, 9, 2] = 0  # a wrist that was not found
        figure = draw_strips([Clip(keypoint)], 'coco')
        counts = [len(bones(axes)) for axes in figure.axes]
        assert counts[0] - counts[1] == 1
        drawn = bones(figure.axes[0])
        assert np.isin(-drawn[..., 1], keypoint[0, 0, :, 1]).all()

    def test_vectors_start_at_their_joints(self):
        vectors = np.full((1, 6, 5, 3), 0.25)
        figure = draw_strips([clip(vectors=vectors)], LAYOUT, frames=1)
        drawn = bones(figure.axes[0])
        assert len(drawn) == 4 + 5
        np.testing.assert_allclose(
            drawn[4:, 1] - drawn[4:, 0], [[-0.25, 0.25]] * 5
        )

    def test_right_and_wrong_by_symbol_and_colour(self):
        clips = [
            clip(title=t, mark=m)
            for t, m in (('query', None), ('a', True), ('b', False))
        ]
        figure = draw_strips(clips, LAYOUT)
        texts = {t.get_text(): t.get_color() for t in figure.texts}
        marked = [k for k in texts if k in ('query', '\u2713 a', '\u2717 b')]
        assert len({texts[k] for k in marked}) == 3

    def test_leaves_pyplot_alone(self):
        before = plt.get_fignums()
        draw_strips([clip()], LAYOUT)
        assert plt.get_fignums() == before

    @pytest.mark.parametrize(
        'clips, message',
        [
            ([], 'nothing to draw'),
            ([Clip(np.ones((1, 2, 4, 3)), 'x')], "'x' has 4 joints"),
            ([Clip(np.ones((2, 5, 3)))], r'\(M, T, V, C\)'),
            ([Clip(np.ones((1, 0, 5, 3)))], 'not empty'),
            ([Clip(np.ones((1, 1, 5, 4)))], '2 or 3 coordinates'),
            (
                [Clip(np.ones((1, 2, 5, 3)), vectors=np.ones((1, 5, 3)))],
                'vectors',
            ),
        ],
    )
    def test_refuses(self, clips, message):
        with pytest.raises(ValueError, match=message):
            draw_strips(clips, LAYOUT)


def test_picture_file(tmp_path):
    path = tmp_path / 'a folder' / 'strip.png'
    figure = draw_strips([clip()], LAYOUT, heading='two words')
    save_picture(figure, path, dpi=50)
    image = Image.open(path)
    np.testing.assert_allclose(
        image.size, figure.get_size_inches() * 50, atol=1
    )
    pixels = np.asarray(image.convert('RGB'))
    assert (pixels[0, 0] == 255).all() and (pixels < 100).any()


def test_animation(tmp_path):
    path = tmp_path / 'a folder' / 'pair.gif'
    clips = [clip(12, title='long', mark=True), clip(1, people=2)]
    save_animation(clips, LAYOUT, path, length=5, fps=10)
    image = Image.open(path)
    assert image.n_frames == 5 and image.info['duration'] == 100
    assert image.info['loop'] == 0
    pages = []
    for t in range(5):
        image.seek(t)
        pages.append(np.asarray(image.convert('RGB')).astype(int))
    assert (pages[0][0, 0] == 255).all()
    moved = np.abs(pages[4] - pages[0]).sum((0, 2)) > 0
    middle = len(moved) // 2
    # The first panel moves, the one-frame clip beside it stands still.
    assert moved[:middle].any() and not moved[middle:].any()


def test_animation_is_no_longer_than_its_clips(tmp_path):
    save_animation([clip(3), clip(2)], LAYOUT, tmp_path / 'a.gif')
    assert Image.open(tmp_path / 'a.gif').n_frames == 3


def test_nothing_to_animate(tmp_path):
    with pytest.raises(ValueError, match='nothing to animate'):
        save_animation([], LAYOUT, tmp_path / 'a.gif')
