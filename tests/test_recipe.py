"""The recipe on skeletons that it was not found on."""

import pickle

import numpy as np
import pytest
from mmengine.config import Config

from tests import toy
from tests.own_project import copy_configs


def chain(joints):
    inward = [(i, i - 1) for i in range(1, joints)]
    return dict(num_node=joints, inward=inward, center=0)


def recordings(path, joints, persons, classes, dims=3):
    """Sequences of one or more people, one of them a single frame."""
    rng = np.random.default_rng(0)
    poses = rng.normal(size=(classes, 1, 1, joints, dims))
    items = []
    for i in range(60):
        people = 1 + i % persons
        frames = 1 if i == 3 else int(rng.integers(5, 60))
        walk = rng.normal(size=(people, frames, joints, dims)).cumsum(1)
        keypoint = 900 * (poses[i % classes] + 0.1 * walk)  # millimetres
        if people > 1:
            keypoint[1, frames // 2 :] = 0  # somebody leaves
        items.append(
            dict(
                frame_dir=f's{i}',
                label=i % classes,
                subject=i % 5,
                total_frames=frames,
                keypoint=keypoint.astype(np.float32),
            )
        )
    ids = [item['frame_dir'] for item in items]
    split = dict(train=ids[::2] + ids[1::4], labelled=ids[::2], val=ids[3::4])
    path.write_bytes(pickle.dumps(dict(split=split, annotations=items)))


@pytest.fixture
def recipe(repo_root, tmp_path):
    """A user's copy of the configs, of a smaller encoder."""

    def recipe(name, joints, persons):
        configs = copy_configs(
            repo_root,
            tmp_path,
            layout=chain(joints),
            num_person=persons,
            ann_file=str(tmp_path / 'own.pkl'),
        )
        cfg = Config.fromfile(configs / 'recipe' / f'{name}_own.py')
        cfg.work_dir = str(tmp_path / 'work')
        cfg.train_cfg.max_epochs = 2
        cfg.default_hooks.logger.interval = 1
        cfg.model.encoder.update(
            base_channels=4, num_stages=4, inflate_stages=[3], down_stages=[3]
        )
        cfg.model.head.in_channels = 8
        return cfg

    return recipe


@pytest.mark.parametrize(
    'name, joints, persons, classes, dims',
    [
        ('stgcn', 15, 2, 9, 3),
        ('stgcn', 17, 1, 4, 2),
        ('mv_stgcn', 21, 1, 20, 3),
        ('mv_stgcn', 5, 3, 4, 3),
    ],
)
def test_it_runs_untouched(
    recipe, tmp_path, name, joints, persons, classes, dims
):
    recordings(tmp_path / 'own.pkl', joints, persons, classes, dims)
    cfg = recipe(name, joints, persons)
    cfg.model.encoder.in_channels = dims
    runner = toy.build_runner(cfg)
    runner.train()
    log = runner.message_hub.log_scalars
    modalities = runner.model.modalities
    views = runner.model.views
    for modality in modalities:
        for view in views:
            values = log[f'train/loss_{modality}_{view}']._log_history
            assert len(values) > 2
            assert np.isfinite(values).all()
    # falls over whatever number of epochs is asked for
    rates = log['train/lr']._log_history
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] <= 0.05 + 1e-9
    assert runner.epoch == 2
    for value in runner.model.state_dict().values():
        assert value.isfinite().all()
    # and what was made of it can be evaluated
    assert {f'knn1_{modality}' for modality in modalities} <= set(
        runner.test()
    )


def test_small_data_gets_its_steps(recipe, tmp_path):
    """An epoch of few sequences is a step or two: it takes more of them."""
    recordings(tmp_path / 'own.pkl', 15, 1, 9)
    cfg = recipe('stgcn', 15, 1)
    cfg.train_cfg.pop('max_epochs')
    runner = toy.build_runner(cfg)
    loop = runner.build_train_loop(runner._train_loop)
    assert len(loop.dataloader) == 2
    assert loop.max_iters == 1200
