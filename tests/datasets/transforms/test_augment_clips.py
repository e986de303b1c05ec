import numpy as np
import pytest
from mmaction.registry import TRANSFORMS
from mmengine.registry import DefaultScope

from deeprank_mm.datasets.transforms import AugmentClips
from tests import toy


def clip(frames=12):
    rng = np.random.default_rng(0)
    keypoint = rng.normal(size=(1, frames, 5, 3)).astype(np.float32)
    return dict(keypoint=keypoint, frame_dir='x', total_frames=frames)


def build(transforms, **kwargs):
    with DefaultScope.overwrite_default_scope('mmaction'):
        return AugmentClips(transforms, **kwargs)


CROP = dict(type='TemporalCropResize', length=8, crop=(0.5, 1.0), min_frames=4)
MOTION = dict(
    type='GenerateModalities', layout=toy.LAYOUT, modalities=['motion']
)


def test_each_clip_is_a_pass_of_its_own_drawn_in_turn():
    steps = [dict(type='Shear'), CROP, MOTION]
    np.random.seed(5)
    result = build(steps)(clip())
    assert (result['num_clips'], result['total_frames']) == (2, 16)
    np.random.seed(5)
    with DefaultScope.overwrite_default_scope('mmaction'):
        transforms = [TRANSFORMS.build(dict(step)) for step in steps]
    for half in np.split(result['keypoint'], 2, axis=1):
        alone = clip()
        for transform in transforms:
            alone = transform(alone)
        np.testing.assert_array_equal(half, alone['keypoint'])
        # motion does not run over from one clip to the next
        assert not half[:, -1].any()


def test_format_gcn_input_takes_the_clips_apart():
    with DefaultScope.overwrite_default_scope('mmaction'):
        form = TRANSFORMS.build(dict(type='FormatGCNInput', num_person=2))
    joined = build([dict(type='Shear'), CROP])(clip())
    one, two = np.split(joined['keypoint'].copy(), 2, axis=1)
    inputs = form(joined)['keypoint']
    assert inputs.shape == (2, 2, 8, 5, 3)
    np.testing.assert_array_equal(inputs[0, :1], one)
    np.testing.assert_array_equal(inputs[1, :1], two)


def test_the_sample_itself_is_not_changed():
    def spoil(results):
        results['keypoint'] *= 0
        return results

    sample = clip()
    before = sample['keypoint'].copy()
    build([spoil])(sample)
    np.testing.assert_array_equal(sample['keypoint'], before)


def test_scores_are_joined_as_the_positions_are():
    sample = clip()
    sample['keypoint_score'] = np.ones((1, 12, 5), np.float32)
    result = build([CROP], num_clips=3)(sample)
    assert result['keypoint'].shape == (1, 24, 5, 3)
    assert result['keypoint_score'].shape == (1, 24, 5)


def test_a_step_that_drops_the_sample():
    assert build([lambda results: None])(clip()) is None


def test_clips_of_different_lengths_are_an_error():
    lengths = iter((3, 4))

    def cut(results):
        results['keypoint'] = results['keypoint'][:, : next(lengths)]
        return results

    with pytest.raises(ValueError, match='differ in shape'):
        build([cut])(clip())


def test_bad_settings():
    with pytest.raises(ValueError, match='num_clips must be 1 or more'):
        build([CROP], num_clips=0)
