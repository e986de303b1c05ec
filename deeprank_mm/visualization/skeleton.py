"""Pictures of skeleton sequences: strips of frames, and animations.

Left, right and centre of the body have colours of their own. All panels of a
picture have one scale, equal on both axes. 2D keypoints are image
coordinates, with y down. 3D ones are seen from where the camera stood: x runs
to the left in a right-handed camera frame (Kinect: NTU RGB+D, NW-UCLA,
UTD-MHAD), so that nobody is mirrored.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from .bodies import Layout, Skeleton, skeleton_of

__all__ = [
    'UPWARD',
    'Clip',
    'draw_strips',
    'project',
    'save_animation',
    'save_picture',
]

# Which way is up, and which way the camera looks.
UPWARD = {
    'y': ((0, 1, 0), (0, 0, 1)),
    '-y': ((0, -1, 0), (0, 0, 1)),
    'z': ((0, 0, 1), (0, 1, 0)),
}
# Told apart also by the colour-blind; the second person's are pale.
_COLOURS = (
    dict(left='#0072b2', right='#e08700', centre='#3a3a3a'),
    dict(left='#86bfe3', right='#f4c678', centre='#a8a8a8'),
)
_PALE = '#cccccc'
_LINE = 24
_MARKS = {True: ('\u2713', '#1a7f37'), False: ('\u2717', '#c01818')}
_GREY = '#777777'

_ROW_INCHES = 1.2
_NUMBER_INCHES = 0.13
_LABEL_INCHES = 1.75
_MARGIN = 0.06
_ALMOST_WHITE = 248
# A frame this much larger than the median one is a tracking failure, and
# runs out of its panel instead of shrinking all others.
_OUTLIER = 3.0


@dataclass(frozen=True)
class Clip:
    """One sequence to draw.

    Attributes:
        keypoint (np.ndarray): ``(M, T, V, C)``; C is 2 or 3, or 3 with a
            score in the layouts ``'coco'`` and ``'openpose'``.
        title (str): Its first line of text.
        note (str): More lines of text, in small print.
        mark (bool, optional): True for right, False for wrong: shown by
            colour and symbol. Defaults to None, neither.
        vectors (np.ndarray, optional): Displacements in the keypoints' shape
            and unit, drawn from each joint over a pale skeleton.
        zero_is_missing (bool): Whether a joint at the exact origin is one
            that was not found, as in recordings. After centring it may be
            the centre. A person without any other joint is absent either
            way, as are coordinates that are not finite. Defaults to True.
    """

    keypoint: np.ndarray
    title: str = ''
    note: str = ''
    mark: Optional[bool] = None
    vectors: Optional[np.ndarray] = None
    zero_is_missing: bool = True


def project(
    points: np.ndarray, up: str = 'y', azimuth: float = 0.0
) -> np.ndarray:
    """Flatten coordinates to what a viewer sees.

    Args:
        points (np.ndarray): ``(..., 2)`` image coordinates, y down, or
            ``(..., 3)`` in a right-handed frame.
        up (str): The axis that points up in 3D: ``'y'`` (Kinect; the camera
            looks along z), ``'-y'`` (camera frames of OpenCV) or ``'z'``
            (the camera looks along y). Defaults to ``'y'``.
        azimuth (float): Degrees by which the viewer walks around the scene,
            to the right. No part in 2D. Defaults to 0, where the camera was.

    Returns:
        np.ndarray: ``(..., 2)`` float64: to the right, and up.

    Raises:
        ValueError: There are neither 2 nor 3 coordinates, or ``up`` is
            unknown.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape[-1] == 2:
        return points * (1.0, -1.0)
    if points.shape[-1] != 3:
        raise ValueError(
            'only 2 or 3 coordinates can be drawn, got '
            f'{points.shape[-1]} (shape {points.shape})'
        )
    if up not in UPWARD:
        raise ValueError(f'up must be one of {list(UPWARD)}, got {up!r}')
    above, ahead = (np.array(axis, dtype=float) for axis in UPWARD[up])
    right = np.cross(ahead, above)
    angle = np.deg2rad(azimuth)
    right = np.cos(angle) * right + np.sin(angle) * ahead
    return np.stack([points @ right, points @ above], axis=-1)


def draw_strips(
    clips: Sequence[Clip],
    layout: Layout,
    frames: int = 8,
    up: str = 'y',
    azimuth: float = 0.0,
    same_scale: bool = True,
    heading: str = '',
) -> Figure:
    """Draw each clip as a row of frames, evenly spaced in time.

    Each frame is centred on who is in it, so that a walk across the room
    does not shrink the body; heights stay, so that a jump is seen. The small
    number is the frame's, from 1.

    Args:
        clips (Sequence[Clip]): The rows.
        layout (str or Mapping): See :func:`.skeleton_of`.
        frames (int): At most so many a row; a shorter clip has as many as it
            has. Defaults to 8.
        up (str): See :func:`project`.
        azimuth (float): See :func:`project`.
        same_scale (bool): One scale for all rows, else one for each: for
            rows of different units. Defaults to True.
        heading (str): Text above the rows.

    Returns:
        Figure: Not known to pyplot; save it with :func:`save_picture`.

    Raises:
        ValueError: There is nothing to draw, or a clip's shape does not fit
            the layout.
    """
    if not clips or frames < 1:
        raise ValueError(
            f'nothing to draw: {len(clips)} clips, {frames} frames a row'
        )
    skeleton = skeleton_of(layout)
    rows = [
        _Poses(clip, skeleton, up, azimuth).take(frames).centred()
        for clip in clips
    ]
    sizes = [row.size() for row in rows]
    if same_scale:
        sizes = [tuple(np.max(sizes, axis=0))] * len(rows)
    aspect = np.clip(max(w / h for w, h in sizes), 0.6, 1.8)
    columns = max(row.length for row in rows)

    top = 0.3 if heading else 0.05
    foot = 0.28
    cell = _ROW_INCHES * aspect
    width = _LABEL_INCHES + columns * cell + 0.05
    pitch = _ROW_INCHES + _NUMBER_INCHES
    height = top + len(rows) * pitch + foot
    figure = Figure(figsize=(width, height), dpi=100, facecolor='white')
    FigureCanvasAgg(figure)
    for i, (clip, row, size) in enumerate(zip(clips, rows, sizes)):
        bottom = height - top - (i + 1) * pitch + _NUMBER_INCHES
        _write_label(figure, clip, bottom + _ROW_INCHES / 2)
        for j in range(row.length):
            box = (_LABEL_INCHES + j * cell, bottom, cell, _ROW_INCHES)
            axes = _panel(figure, box, row.limits(size, aspect))
            row.draw(axes, j)
            axes.text(
                0.5,
                0.0,
                f'{row.numbers[j] + 1}',
                transform=axes.transAxes,
                fontsize=5.5,
                color='#999999',
                ha='center',
                va='top',
            )
        if i:
            figure.add_artist(
                _line(figure, bottom + _ROW_INCHES, 0.08, width - 0.08)
            )
    if heading:
        figure.text(
            0.1 / width,
            1 - 0.08 / height,
            heading,
            fontsize=9,
            va='top',
            weight='bold',
        )
    _write_legend(figure, skeleton, any(row.people > 1 for row in rows))
    return figure


def save_picture(
    figure: Figure, path: Union[str, Path], dpi: float = 130.0
) -> None:
    """Write a figure as a PNG of few colours, much smaller than the usual.

    Args:
        figure (Figure): From :func:`draw_strips`.
        path (str or Path): The file; its folder is made if need be.
        dpi (float): Pixels an inch. Defaults to 130.
    """
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    page = np.asarray(canvas.buffer_rgba())[..., :3]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    palette = _palette(page)
    Image.fromarray(page).quantize(
        palette=palette, dither=Image.Dither.NONE
    ).save(path, format='PNG', optimize=True)


def save_animation(
    clips: Sequence[Clip],
    layout: Layout,
    path: Union[str, Path],
    length: int = 40,
    fps: float = 12.0,
    columns: int = 6,
    up: str = 'y',
    azimuth: float = 0.0,
    heading: str = '',
) -> None:
    """Write clips side by side as an animated GIF that repeats.

    Every clip takes the whole time, however many frames it has, as an
    encoder that resizes clips sees them. Unlike in strips, people move
    through their panel.

    Args:
        clips (Sequence[Clip]): The panels.
        layout (str or Mapping): See :func:`.skeleton_of`.
        path (str or Path): The file; its folder is made if need be.
        length (int): Frames of the animation, at most; no more than the
            longest clip has. Defaults to 40.
        fps (float): Frames a second. Defaults to 12.
        columns (int): Panels a row, at most. Defaults to 6.
        up (str): See :func:`project`.
        azimuth (float): See :func:`project`.
        heading (str): Text above the panels.

    Raises:
        ValueError: There is nothing to draw, or a clip's shape does not fit
            the layout.
    """
    if not clips or length < 1:
        raise ValueError(
            f'nothing to animate: {len(clips)} clips, {length} frames'
        )
    skeleton = skeleton_of(layout)
    poses = [_Poses(clip, skeleton, up, azimuth) for clip in clips]
    length = min(length, max(pose.length for pose in poses))
    poses = [pose.take(length, repeat=True) for pose in poses]
    size = tuple(np.max([pose.size() for pose in poses], axis=0))
    aspect = np.clip(size[0] / size[1], 0.75, 1.3)

    columns = min(columns, len(poses))
    lines = -(-len(poses) // columns)
    tall, text, foot = 1.9, 0.55, 0.28
    top = 0.32 if heading else 0.05
    wide = max(tall * aspect, 1.5)
    width = columns * wide + 0.1
    height = top + lines * (tall + text) + foot
    figure = Figure(figsize=(width, height), dpi=90, facecolor='white')
    canvas = FigureCanvasAgg(figure)
    panels = []
    for i, (clip, pose) in enumerate(zip(clips, poses)):
        line, column = divmod(i, columns)
        bottom = height - top - (line + 1) * (tall + text)
        box = (0.05 + column * wide, bottom, wide, tall)
        panels.append(_panel(figure, box, pose.limits(size, wide / tall)))
        _write_caption(
            figure, clip, box[0] + wide / 2, bottom + tall + text - 0.05
        )
    if heading:
        figure.text(
            0.1 / width,
            1 - 0.08 / height,
            heading,
            fontsize=9,
            va='top',
            weight='bold',
        )
    _write_legend(figure, skeleton, any(pose.people > 1 for pose in poses))
    images = []
    for t in range(length):
        for axes, pose in zip(panels, poses):
            for artist in (*axes.collections, *axes.texts):
                artist.remove()
            pose.draw(axes, t)
        canvas.draw()
        images.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    _write_gif(images, Path(path), fps)


class _Poses:
    """A clip's people as flat coordinates, NaN where nobody is."""

    def __init__(
        self, clip: Clip, skeleton: Skeleton, up: str, azimuth: float
    ) -> None:
        keypoint = np.asarray(clip.keypoint, dtype=np.float64)
        name = f'clip {clip.title!r}'
        if keypoint.ndim != 4 or not keypoint.size:
            raise ValueError(
                f'{name}: keypoint must be (M, T, V, C) and not empty, got '
                f'shape {keypoint.shape}'
            )
        if keypoint.shape[2] != skeleton.num_joints:
            raise ValueError(
                f'{name} has {keypoint.shape[2]} joints, its layout '
                f'{skeleton.num_joints}: name the layout of the data'
            )
        seen = np.isfinite(keypoint).all(-1)
        nonzero = (keypoint != 0).any(-1)
        if skeleton.scored and keypoint.shape[-1] == 3:
            seen &= keypoint[..., 2] > 0
            keypoint = keypoint[..., :2]
            nonzero = (keypoint != 0).any(-1)
        seen &= nonzero if clip.zero_is_missing else nonzero.any(-1)[..., None]
        # The two who are seen most, in their order.
        counts = seen.sum((1, 2))
        people = np.sort(np.argsort(-counts, kind='stable')[:2])
        people = people[counts[people] > 0]
        keypoint = np.where(seen[..., None], keypoint, np.nan)
        self.points = project(keypoint[people], up, azimuth)
        self.vectors = None
        if clip.vectors is not None:
            vectors = np.asarray(clip.vectors, dtype=np.float64)
            if vectors.shape != np.shape(clip.keypoint):
                raise ValueError(
                    f'{name}: vectors have shape {vectors.shape}, its '
                    f'keypoint {np.shape(clip.keypoint)}'
                )
            vectors = vectors[people, ..., : keypoint.shape[-1]]
            self.vectors = project(vectors, up, azimuth)
        self.skeleton = skeleton
        self.numbers = np.arange(keypoint.shape[1])

    @property
    def people(self) -> int:
        return len(self.points)

    @property
    def length(self) -> int:
        return len(self.numbers)

    def take(self, count: int, repeat: bool = False) -> _Poses:
        """Frames evenly spaced from the first to the last."""
        if not repeat:
            count = min(count, self.length)
        index = np.linspace(0, self.length - 1, count).round().astype(int)
        return self._with(
            self.points[:, index],
            None if self.vectors is None else self.vectors[:, index],
            self.numbers[index],
        )

    def centred(self) -> _Poses:
        """Every frame moved sideways to the middle of who is in it."""
        low, high = self._extremes()
        middle = np.nan_to_num((low + high) / 2)
        middle[:, 1] = 0
        return self._with(
            self.points - middle[:, None], self.vectors, self.numbers
        )

    def _with(self, points, vectors, numbers) -> _Poses:
        new = object.__new__(_Poses)
        new.skeleton = self.skeleton
        new.points, new.vectors, new.numbers = points, vectors, numbers
        return new

    def _extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest coordinates of each frame, ``(T, 2)``, or NaN."""
        points = self.points.transpose(1, 0, 2, 3)
        points = points.reshape(self.length, -1, 2)
        gone = np.isnan(points)
        low = np.where(gone, np.inf, points).min(1, initial=np.inf)
        high = np.where(gone, -np.inf, points).max(1, initial=-np.inf)
        empty = ~np.isfinite(low)
        low[empty] = high[empty] = np.nan
        return low, high

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners of what all sound frames cover."""
        low, high = self._extremes()
        sizes = np.hypot(*(high - low).T)
        if np.isnan(sizes).all():
            return np.zeros(2), np.zeros(2)
        sound = sizes <= _OUTLIER * max(np.nanmedian(sizes), 1e-12)
        return low[sound].min(0), high[sound].max(0)

    def size(self) -> tuple[float, float]:
        """Width and height of :meth:`box`, never zero."""
        low, high = self.box()
        width, height = high - low
        least = max(width, height, 1e-6)
        return max(width, 0.3 * least), max(height, 0.3 * least)

    def limits(
        self, size: tuple[float, float], aspect: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """A window of at least ``size`` and this width / height."""
        low, high = self.box()
        height = max(size[1], size[0] / aspect) * (1 + 2 * _MARGIN)
        window = np.array([height * aspect, height])
        centre = (low + high) / 2
        start = centre - window / 2
        # One ground for all panels: feet stand on the same line.
        start[1] = low[1] - _MARGIN * height
        return start, start + window

    def draw(self, axes: Any, t: int) -> None:
        """Add the lines of one frame."""
        if not self.people or np.isnan(self.points[:, t]).all():
            axes.text(
                0.5,
                0.5,
                'no skeleton',
                transform=axes.transAxes,
                fontsize=6,
                color=_GREY,
                ha='center',
                va='center',
            )
            return
        body = self.skeleton
        for person, points in reversed(list(enumerate(self.points[:, t]))):
            colours = _COLOURS[person]
            bones = [b for b in body.bones if np.isfinite(points[[*b]]).all()]
            paint = [
                _PALE if self.vectors is not None else colours[body.sides[c]]
                for c, _ in bones
            ]
            axes.add_collection(
                LineCollection(
                    [points[[*b]] for b in bones],
                    colors=paint,
                    linewidths=1.6,
                    capstyle='round',
                )
            )
            if body.head is not None and self.vectors is None:
                axes.scatter(*points[body.head], s=26, color=colours['centre'])
            if self.vectors is not None:
                self._draw_vectors(axes, points, person, t)

    def _draw_vectors(self, axes, points, person, t) -> None:
        ends = points + self.vectors[person, t]
        paint = [_COLOURS[person][side] for side in self.skeleton.sides]
        axes.add_collection(
            LineCollection(
                np.stack([points, ends], axis=1), colors=paint, linewidths=1.3
            )
        )
        axes.scatter(*ends.T, s=3, color=paint)


def _panel(figure: Figure, box: Sequence[float], limits: Sequence) -> Any:
    """Axes without decoration at (left, bottom, width, height) in inches."""
    width, height = figure.get_size_inches()
    left, bottom, wide, tall = box
    axes = figure.add_axes(
        (left / width, bottom / height, wide / width, tall / height)
    )
    axes.set_axis_off()
    start, end = limits
    axes.set_xlim(start[0], end[0])
    axes.set_ylim(start[1], end[1])
    axes.set_aspect('equal')
    return axes


def _line(figure: Figure, y: float, left: float, right: float) -> Any:
    width, height = figure.get_size_inches()
    return Line2D(
        [left / width, right / width],
        [y / height] * 2,
        color='#dddddd',
        linewidth=0.6,
    )


def _headline(clip: Clip) -> tuple[str, str]:
    """The title with its symbol, in lines, and the colour of both."""
    symbol, colour = _MARKS.get(clip.mark, ('', 'black'))
    text = f'{symbol} {clip.title}'.strip()
    return textwrap.fill(text, _LINE, max_lines=3, placeholder=' ...'), colour


def _write_label(figure: Figure, clip: Clip, middle: float) -> None:
    """Title and note to the left of a row."""
    width, height = figure.get_size_inches()
    title, colour = _headline(clip)
    figure.text(
        0.1 / width,
        (middle + 0.03) / height,
        title,
        fontsize=8,
        weight='bold',
        color=colour,
        va='bottom',
    )
    figure.text(
        0.1 / width,
        (middle - 0.03) / height,
        clip.note,
        fontsize=6.5,
        color=_GREY,
        va='top',
        linespacing=1.4,
    )


def _write_caption(
    figure: Figure, clip: Clip, centre: float, top: float
) -> None:
    """Title and note above a panel."""
    width, height = figure.get_size_inches()
    title, colour = _headline(clip)
    common = dict(ha='center', va='top')
    figure.text(
        centre / width,
        top / height,
        title,
        fontsize=8,
        weight='bold',
        color=colour,
        **common,
    )
    figure.text(
        centre / width,
        (top - 0.04 - 0.135 * (1 + title.count('\n'))) / height,
        clip.note,
        fontsize=6.5,
        color=_GREY,
        linespacing=1.3,
        **common,
    )


def _write_legend(figure: Figure, skeleton: Skeleton, two: bool) -> None:
    """What the colours mean, at the bottom right."""
    entries = []
    if 'left' in skeleton.sides or 'right' in skeleton.sides:
        entries += [
            ('left', _COLOURS[0]['left']),
            ('right', _COLOURS[0]['right']),
            ('of the performer', _GREY),
        ]
    if two:
        entries.append(('second person pale', _COLOURS[1]['centre']))
    width, height = figure.get_size_inches()
    x = 0.1
    for text, colour in entries:
        figure.text(
            x / width,
            0.06 / height,
            text,
            fontsize=6.5,
            color=colour,
            weight='normal' if colour == _GREY else 'bold',
        )
        # About the advance of DejaVu Sans at this size.
        x += 0.07 + 0.058 * len(text)


def _palette(pixels: np.ndarray) -> Image.Image:
    """The 128 colours that suit an image best, white among them."""
    palette = Image.fromarray(pixels).quantize(128)
    # Averaged with the edges of lines, white would be a shade of it.
    colours = np.reshape(palette.getpalette(), (-1, 3))
    colours[colours.min(1) >= _ALMOST_WHITE] = 255
    palette.putpalette(colours.ravel().tolist())
    return palette


def _write_gif(images: Sequence[np.ndarray], path: Path, fps: float) -> None:
    """Write frames with one palette, so that colours do not flicker."""
    palette = _palette(np.concatenate(images[:: max(1, len(images) // 4)]))
    pages = [
        Image.fromarray(image).quantize(
            palette=palette, dither=Image.Dither.NONE
        )
        for image in images
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pages[0].save(
        path,
        save_all=True,
        append_images=pages[1:],
        duration=round(1000 / fps),
        loop=0,
        optimize=True,
    )
