"""The joint orders, against MMAction2's graph and against real data."""

import numpy as np
import pytest
from mmaction.models.utils.graph import Graph

from deeprank_mm.datasets import LAYOUTS, get_layout, load_annotations
from deeprank_mm.datasets.layouts import JOINT_NAMES


def path_to_root(layout, joint):
    parents = dict(layout['inward'])
    path = [joint]
    while path[-1] in parents:
        path.append(parents[path[-1]])
    return path


@pytest.mark.parametrize('name', sorted(LAYOUTS))
def test_a_tree_towards_the_centre(name):
    layout = LAYOUTS[name]
    children = [child for child, _ in layout['inward']]
    assert len(children) == len(set(children)) == layout['num_node'] - 1
    assert len(set(JOINT_NAMES[name])) == layout['num_node']
    for joint in range(layout['num_node']):
        assert path_to_root(layout, joint)[-1] == layout['center']
    assert JOINT_NAMES[name][layout['center']] == 'shoulder_center'


def test_both_are_one_skeleton():
    edges = [
        {
            (JOINT_NAMES[name][a], JOINT_NAMES[name][b])
            for a, b in LAYOUTS[name]['inward']
        }
        for name in LAYOUTS
    ]
    assert edges[0] == edges[1]
    # The order of one, expressed in the joints of the other.
    order = [JOINT_NAMES['utd_mhad'].index(j) for j in JOINT_NAMES['kinect20']]
    assert order == [3, 2, 1, 0, *range(4, 20)]


@pytest.mark.parametrize('mode', ['stgcn_spatial', 'spatial'])
@pytest.mark.parametrize('name', sorted(LAYOUTS))
def test_mmaction_graph_takes_it(name, mode):
    graph = Graph(layout=get_layout(name), mode=mode)
    assert graph.A.shape == (3, 20, 20)
    assert np.isfinite(graph.A).all()


def test_get_layout():
    copy = get_layout('kinect20')
    copy['inward'].clear()
    assert len(LAYOUTS['kinect20']['inward']) == 19
    with pytest.raises(KeyError, match='kinect20.*nturgb'):
        get_layout('kinect21')


@pytest.mark.parametrize(
    'file, name',
    [('nw_ucla_file', 'kinect20'), ('utd_mhad_file', 'utd_mhad')],
)
def test_order_is_the_one_of_the_data(file, name, request):
    annotations = load_annotations(request.getfixturevalue(file))[
        'annotations'
    ]
    # The mean over sequences of the mean over frames, around the hip.
    hip = JOINT_NAMES[name].index('hip_center')
    mean = np.mean(
        [
            (a['keypoint'][0] - a['keypoint'][0][:, hip : hip + 1]).mean(0)
            for a in annotations
        ],
        axis=0,
    )
    x, y, _ = (dict(zip(JOINT_NAMES[name], axis)) for axis in mean.T)
    body = ['head', 'shoulder_center', 'spine', 'hip_center']
    for side in ('left', 'right'):
        leg = [f'{side}_{j}' for j in ('hip', 'knee', 'ankle', 'foot')]
        arm = [f'{side}_{j}' for j in ('shoulder', 'elbow', 'wrist', 'hand')]
        for chain in (body + leg, arm):
            heights = [y[joint] for joint in chain]
            assert heights == sorted(heights, reverse=True), chain
    for joint in ('shoulder', 'elbow', 'wrist', 'hand', 'hip', 'knee'):
        assert x[f'left_{joint}'] < x[f'right_{joint}'], joint
    # Bones are short compared with the distance of any two joints.
    bones = [
        np.linalg.norm(mean[a] - mean[b]) for a, b in LAYOUTS[name]['inward']
    ]
    assert max(bones) < 0.5
