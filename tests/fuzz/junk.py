"""Values that do not belong where they are put."""

import copy

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    # nothing that is a size which only memory forbids
    st.sampled_from([-(10**30), 2**63, 10**30]),
    st.floats(-3, 3),
    st.sampled_from([float('nan'), float('inf'), -float('inf'), 1e300]),
    st.text(max_size=6),
    st.sampled_from(['', 'joint', 's00', 'nturgb+d', 'a\0b', '\ud800', '0']),
)

# What a config can hold.
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=5,
)

SHAPES = npst.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)

ARRAYS = st.one_of(
    npst.arrays(
        st.sampled_from(
            [np.float16, np.float32, np.float64, np.int64, np.uint8, np.bool_]
        ),
        SHAPES,
    ),
    npst.arrays(np.complex64, SHAPES),
    npst.arrays('U3', SHAPES),
    SHAPES.map(lambda shape: np.full(shape, None, dtype=object)),
)

# What an annotation file can hold.
ANYTHING = st.one_of(
    PLAIN,
    ARRAYS,
    st.binary(max_size=5),
    st.sampled_from([np.int64(1), np.float32(0.5), np.bool_(True)]),
    st.frozensets(st.integers(0, 3), max_size=2),
    ARRAYS.map(lambda array: [array]),
)


ACTIONS = ['change'] * 4 + ['replace'] * 3 + ['remove', 'rename', 'add']


def _paths(node, path=()):
    """The place of every value inside nested dicts and lists."""
    items = ()
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, (list, tuple)):
        items = enumerate(node)
    for key, child in items:
        yield (*path, key)
        yield from _paths(child, (*path, key))


WORDS = (
    *('joint', 'bone', 'motion', 'self', 'other', 'all', 'l2', 'minmax'),
    *('none', 'ReLU', 'Softmax', 'local', 'train', 'holdout', 'subject'),
    *('kinect20', 'utd_mhad', 'coco', 'cpu', 'ranking/loss'),
)


def near(value):
    """Something of the same type, which may fit or not."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int):
        return st.integers(-1, 12)
    if isinstance(value, float):
        return st.floats(-0.5, 2)
    if isinstance(value, str):
        return st.sampled_from(WORDS)
    if isinstance(value, (list, tuple)) and value:
        return st.lists(st.sampled_from(value), max_size=4)
    return PLAIN


@st.composite
def mangled(draw, original, junk=PLAIN, most=3, where=lambda path: True):
    """A deep copy with some values replaced, removed, renamed or added."""
    content = copy.deepcopy(original)
    for _ in range(draw(st.integers(0, most))):
        paths = [path for path in _paths(content) if where(path)]
        if not paths:
            break
        # lists count as often as what is in them, so that long data do not
        # hide the rest
        *above, key = draw(st.sampled_from(paths))
        parent = content
        for step in above:
            parent = parent[step]
        if isinstance(parent, tuple):
            continue
        action = draw(st.sampled_from(ACTIONS))
        if action == 'change':
            parent[key] = draw(near(parent[key]))
        elif action == 'replace' or isinstance(parent, list):
            parent[key] = draw(junk)
        elif action == 'add':
            parent[draw(st.text(min_size=1, max_size=4))] = draw(junk)
        else:
            value = parent.pop(key)
            if action == 'rename':
                parent[f'{key}_'] = value
    return content
