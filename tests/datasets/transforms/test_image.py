import numpy as np
import pytest

from deeprank_mm.datasets.transforms import FormatImage, PadCrop


def image(channels=3):
    return (
        np.random.default_rng(0)
        .integers(1, 255, (6, 5, channels))
        .astype(np.uint8)
    )


def shifted(source, down, right):
    """Pixel by pixel; zero where nothing is known."""
    out = np.zeros_like(source)
    height, width, _ = source.shape
    for y in range(height):
        for x in range(width):
            if 0 <= y + down < height and 0 <= x + right < width:
                out[y, x] = source[y + down, x + right]
    return out


def test_pad_crop_shifts_every_way_alike_and_by_no_more():
    source, step = image(), PadCrop(padding=2)
    shifts = [(y, x) for y in range(-2, 3) for x in range(-2, 3)]
    expected = {shifted(source, *s).tobytes(): s for s in shifts}
    counts = dict.fromkeys(shifts, 0)
    for _ in range(1000):
        out = step(dict(img=source.copy()))['img']
        assert out.shape == source.shape and out.dtype == np.uint8
        counts[expected[out.tobytes()]] += 1
    # 40 each on average, with a standard deviation of 6
    assert min(counts.values()) > 10


def test_pad_crop_leaves_the_source_alone():
    source = image()
    kept = source.copy()
    PadCrop(padding=2)(dict(img=source))['img'][:] = 0
    np.testing.assert_array_equal(source, kept)


def test_format_image():
    source = image()
    out = FormatImage()(dict(img=source))['imgs']
    assert out.dtype == np.float32 and out.shape == (3, 6, 5)
    for channel in range(3):
        np.testing.assert_array_equal(out[channel], source[..., channel])


@pytest.mark.parametrize('step', [PadCrop(1), FormatImage()])
def test_no_image(step):
    with pytest.raises(ValueError, match="sample 'a7' holds no `img`"):
        step(dict(sample_id='a7', img=np.zeros((6, 5))))


def test_padding_is_positive():
    with pytest.raises(ValueError, match='1 or more, but got 0'):
        PadCrop(0)
