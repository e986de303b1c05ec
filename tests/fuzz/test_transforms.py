"""Any clip through any pipeline: float32 of the promised shape, finite."""

import copy

import numpy as np
from hypothesis import strategies as st
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from tests.fuzz.harness import clear, fuzz
from tests.fuzz.junk import ANYTHING

NAMED_LAYOUTS = {
    'nturgb+d': 25,
    'coco': 17,
    'openpose': 18,
    'kinect20': 20,
    'utd_mhad': 20,
}


@st.composite
def layouts(draw):
    """A layout by name or as a random tree, and its number of joints."""
    if draw(st.booleans()):
        name = draw(st.sampled_from(sorted(NAMED_LAYOUTS)))
        return name, NAMED_LAYOUTS[name]
    joints = draw(st.integers(1, 9))
    order = draw(st.permutations(range(joints)))
    inward = [
        (order[i], order[draw(st.integers(0, i - 1))])
        for i in range(1, joints)
    ]
    return dict(num_node=joints, inward=inward, center=order[0]), joints


@st.composite
def clips(draw, joints):
    """People who come and go, frames without anybody, joints lost."""
    people = draw(st.integers(1, 4))
    frames = draw(st.one_of(st.just(1), st.integers(1, 40)))
    dims = draw(st.sampled_from([2, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([0.0, 1e-6, 1.0, 1e3]))
    keypoint = rng.normal(size=(people, frames, joints, dims)) * scale
    keypoint[rng.random((people, frames)) < draw(st.floats(0, 1))] = 0
    keypoint[:, rng.random(frames) < draw(st.floats(0, 0.5))] = 0
    keypoint[rng.random(keypoint.shape[:3]) < draw(st.floats(0, 0.5))] = 0
    kind = draw(st.sampled_from(['f2', 'f4', 'f8', 'i4']))
    item = dict(
        keypoint=keypoint.astype(kind),
        dims=dims,
        frame_dir='clip',
        sample_id='clip',
        label=draw(st.integers(0, 9)),
        total_frames=frames,
    )
    if draw(st.booleans()):
        score = rng.random((people, frames, joints)).astype('f4')
        if draw(st.booleans()):
            item['keypoint_score'] = score
        else:
            item['keypoint'] = np.concatenate(
                [keypoint, score[..., None]], axis=-1
            ).astype(kind)
    return item


@st.composite
def cases(draw):
    """A clip, a pipeline that may fit it, and what should come out."""
    layout, joints = draw(layouts())
    fitting = draw(st.integers(0, 9)) > 0
    item = draw(clips(joints if fitting else draw(st.integers(1, 30))))
    inline = item['keypoint'].shape[-1] > item.pop('dims')
    score_channel = inline if fitting else draw(st.booleans())
    length = draw(st.integers(1, 30))
    modalities = draw(
        st.lists(
            st.sampled_from(['joint', 'bone', 'motion']),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    crop = draw(
        st.one_of(
            st.none(),
            st.floats(0.01, 1),
            st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted),
        )
    )
    angle = st.floats(0, 7)
    steps = [
        dict(
            type='CentreSkeleton',
            joint=draw(st.integers(0, joints - fitting)),
            score_channel=score_channel,
        ),
        dict(
            type='TemporalCropResize',
            length=length,
            crop=crop,
            min_frames=draw(st.integers(1, 40)),
        ),
        dict(
            type='RandomRotation',
            theta=draw(st.one_of(angle, st.tuples(angle, angle, angle))),
            score_channel=score_channel,
        ),
    ]
    kept = [step for step in steps if draw(st.booleans())]
    people = draw(st.integers(1, 3))
    pipeline = [
        *draw(st.permutations(kept)),
        dict(type='GenerateModalities', layout=layout, modalities=modalities),
        dict(
            type='FormatGCNInput',
            num_person=people,
            mode=draw(st.sampled_from(['zero', 'loop'])),
        ),
        dict(type='PackActionInputs', meta_keys=('sample_id',)),
    ]
    frames = item['keypoint'].shape[1]
    if any(step['type'] == 'TemporalCropResize' for step in kept):
        frames = length
    channels = item['keypoint'].shape[-1] + ('keypoint_score' in item)
    shape = (1, people, frames, joints, channels * len(modalities))
    return item, pipeline, shape


def run(pipeline, item):
    with DefaultScope.overwrite_default_scope('mmaction'):
        return Compose(copy.deepcopy(pipeline))(dict(item))


@fuzz(150, 2500, case=cases(), seed=st.integers(0, 99))
def test_any_clip_through_any_pipeline(case, seed):
    item, pipeline, shape = case
    before = item['keypoint'].copy()
    np.random.seed(seed)
    result = clear(run, pipeline, item)
    # the data set's own array: whoever writes to it spoils the next epoch
    np.testing.assert_array_equal(item['keypoint'], before)
    if result is None:
        return
    inputs = result['inputs']
    assert tuple(inputs.shape) == shape
    assert str(inputs.dtype) == 'torch.float32'
    assert inputs.isfinite().all()
    assert result['data_samples'].sample_id == 'clip'
    # whoever is not there stays at zero, wherever the others are moved
    for person in np.flatnonzero(~before.any(axis=(1, 2, 3)))[: shape[1]]:
        if 'keypoint_score' not in item and person < shape[1]:
            assert not inputs[0, person].any()
    np.random.seed(seed)
    assert (run(pipeline, item)['inputs'] == inputs).all()


@fuzz(
    80,
    1000,
    case=cases(),
    junk=st.dictionaries(
        st.sampled_from(
            ['keypoint', 'keypoint_score', 'frame_dir', 'total_frames']
        ),
        ANYTHING,
        min_size=1,
    ),
)
def test_clips_that_no_data_set_checked(case, junk):
    item, pipeline, _ = case
    item.update(junk)
    # what MMAction2's own two transforms make of it is theirs
    result = clear(run, pipeline[:-2], item)
    if result is not None:
        assert result['keypoint'].ndim == 4
        assert result['keypoint'].dtype == np.float32
