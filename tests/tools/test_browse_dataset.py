"""tools/analysis/browse_dataset.py on random skeletons."""

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from deeprank_mm.datasets import get_layout
from deeprank_mm.datasets.transforms import GenerateModalities
from deeprank_mm.datasets.transforms.modalities import joint_parents
from tests import toy
from tests.tool_module import load_tool


@pytest.fixture(scope='module')
def tool(repo_root):
    return load_tool(repo_root / 'tools' / 'analysis' / 'browse_dataset.py')


@pytest.fixture
def config(tmp_path):
    cfg = toy.pretrain_config(tmp_path / 'a run')
    cfg.custom_imports = dict(imports=['deeprank_mm'])
    cfg.dump(tmp_path / 'a run' / 'toy.py')
    return tmp_path / 'a run' / 'toy.py'


@pytest.fixture
def browse(tool, config, tmp_path, capsys):
    """Run the tool; return the pictures by name."""

    def browse(*argv, config=config, out='out'):
        out = tmp_path / out
        tool.main([str(config), '--out', str(out), *map(str, argv)])
        pictures = {path.name: path for path in out.glob('*')}
        said = capsys.readouterr().out.splitlines()
        assert {str(p) for p in pictures.values()} == {
            line for line in said if line.startswith(str(out))
        }
        return pictures

    return browse


def pixels(path):
    return np.asarray(Image.open(path).convert('RGB'))


@pytest.mark.parametrize('layout', ['nturgb+d', 'kinect20', 'coco'])
def test_bones_go_together_again(tool, layout):
    parents = joint_parents(layout)
    joints = np.random.default_rng(0).normal(size=(2, 3, len(parents), 2))
    make = GenerateModalities(layout, ['bone'])
    bones = make(dict(keypoint=joints.astype(np.float32)))['keypoint']
    (root,) = np.flatnonzero(parents == np.arange(len(parents)))
    np.testing.assert_allclose(
        tool.rebuild(bones, parents),
        joints - joints[:, :, [root]],
        atol=1e-5,
    )


def test_rows_are_what_the_pipeline_made(tool):
    layout = get_layout('kinect20')
    rng = np.random.default_rng(0)
    recorded = rng.normal(size=(1, 9, 20, 3)).astype(np.float32)
    make = GenerateModalities(layout, ['joint', 'bone', 'motion'])
    inputs = make(dict(keypoint=recorded[:, 2:6] * 2))['keypoint']
    clips = tool.clips_of(dict(keypoint=recorded), inputs, layout)
    by_name = {clip.title: clip for clip in clips}
    assert list(by_name) == ['recorded', 'joint', 'bone', 'motion']
    np.testing.assert_array_equal(by_name['recorded'].keypoint, recorded)
    joint = by_name['joint'].keypoint
    np.testing.assert_allclose(joint, recorded[:, 2:6] * 2, rtol=1e-6)
    bone = by_name['bone'].keypoint
    np.testing.assert_allclose(
        bone, joint - joint[:, :, [layout['center']]], atol=1e-5
    )
    factor = int(by_name['motion'].note.split('\n')[1].split()[0])
    motion = by_name['motion'].vectors / factor
    np.testing.assert_allclose(
        motion[:, :-1], joint[:, 1:] - joint[:, :-1], atol=1e-5
    )


def test_how_many(tool):
    ids = [f's{i}' for i in range(9)]
    assert tool.choose(['4'], ids) == [0, 3, 5, 8]
    assert tool.choose(['100'], ids) == list(range(9))
    assert tool.choose(['7'], [*ids, '7']) == [9]  # an id, not a number


def test_which(browse):
    # Subject 4 is held out, so that validation has its clips.
    found = browse('--split', 'val', '--samples', 'clip004', 'clip009')
    assert sorted(found) == ['clip004.png', 'clip009.png']


def test_the_augmentation_is_the_seed_s(browse):
    one = browse('--samples', 1, out='one')
    two = browse('--samples', 1, out='two')
    three = browse('--samples', 1, '--seed', 1, out='three')
    (name,) = one
    assert one[name].read_bytes() == two[name].read_bytes()
    assert one[name].read_bytes() != three[name].read_bytes()


def test_ids_that_are_paths(browse, tmp_path):
    cfg = toy.pretrain_config(tmp_path / 'paths')
    cfg.train_dataloader.dataset.data_prefix = dict(video='a folder/of clips')
    cfg.dump(tmp_path / 'paths' / 'toy.py')
    found = browse('--samples', 1, config=tmp_path / 'paths' / 'toy.py')
    assert all('clip' in name and '/' not in name for name in found)


def test_a_pipeline_that_makes_several_clips(browse, config):
    plain = browse('--samples', 'clip003', out='plain')
    cfg = Config.fromfile(config)
    pipeline = cfg.train_dataloader.dataset.pipeline
    (at,) = [
        i
        for i, step in enumerate(pipeline)
        if step.type == 'GenerateModalities'
    ]
    pipeline[at] = dict(type='AugmentClips', transforms=[pipeline[at]])
    cfg.dump(config)
    clips = browse('--samples', 'clip003', out='clips')
    # nothing random in it: the first of two clips is the one of before
    assert (pixels(clips['clip003.png']) == pixels(plain['clip003.png'])).all()


def test_a_pipeline_of_mmaction2(browse, tiny_project):
    text = (tiny_project / 'tiny.py').read_text()
    text = text.replace(
        "dict(type='PoseDecode'),",
        "dict(type='PoseDecode'), dict(type='GenSkeFeat', feats=['b']),",
    ).replace(
        "dict(type='PackActionInputs')",
        "dict(type='PackActionInputs', meta_keys=('frame_dir',))",
    )
    path = tiny_project / 'feat.py'
    path.write_text(text)
    assert Config.fromfile(path).pipeline[2].type == 'GenSkeFeat'
    found = browse('--samples', 'clip3', config=path)
    assert list(found) == ['clip3.png']
    # Four rows: far higher than a strip of one.
    assert pixels(found['clip3.png']).shape[0] > 600


@pytest.mark.parametrize(
    'argv, message',
    [
        (['--samples', 'clip01'], 'no such sample among 9'),
        (['--split', 'test'], 'no test_dataloader'),
        (['--config', 'absent.py'], 'absent.py does not exist'),
        (['--config', 'tiny'], 'no step of the pipeline makes modalities'),
    ],
)
def test_one_clear_error(tool, config, tiny_project, capsys, argv, message):
    if argv[0] == '--config':
        config = dict(tiny=tiny_project / 'tiny.py').get(argv[1], argv[1])
        argv = []
    with pytest.raises(SystemExit) as stop:
        tool.main([str(config), '--out', 'out', *argv])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
