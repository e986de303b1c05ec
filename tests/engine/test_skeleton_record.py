"""What a run notes about its skeletons."""

import pytest
import torch
from mmengine.config import Config

from deeprank_mm.datasets import get_layout
from deeprank_mm.engine.skeleton_record import skeleton_of
from tests import toy


def config(train, test=None):
    loaders = dict(train_dataloader=train, test_dataloader=test or train)
    return Config(
        {
            name: dict(dataset=dict(dataset=dict(pipeline=pipeline)))
            for name, pipeline in loaders.items()
        }
    )


def step(**kwargs):
    return dict(type='mmaction.GenerateModalities', **kwargs)


def test_layouts_are_the_same_by_name_or_by_edges():
    records = [
        skeleton_of(config([step(layout=layout, modalities='bone')]))
        for layout in ('kinect20', get_layout('kinect20'))
    ]
    assert records[0] == records[1]
    assert records[0]['modalities'] == ['bone']
    parents = records[0]['joint_parents']
    assert all(
        parents[child] == parent
        for child, parent in get_layout('kinect20')['inward']
    )
    other = skeleton_of(config([step(layout='utd_mhad', modalities='bone')]))
    assert other['joint_parents'] != parents


def test_defaults_are_those_of_the_transform():
    record = skeleton_of(config([step()]))
    assert len(record['joint_parents']) == 25
    assert record['modalities'] == ['joint']


@pytest.mark.parametrize(
    'cfg',
    [
        config([dict(type='GenSkeFeat')]),
        config([step()], [step(modalities=['bone'])]),
        Config(dict(train_pipeline=[step()])),
        Config(dict(train_dataloader=None)),
    ],
    ids=['stock', 'differ', 'not used', 'none'],
)
def test_nothing_is_noted_that_is_not_sure(cfg):
    assert skeleton_of(cfg) is None


def test_a_checkpoint_of_other_skeletons_is_refused(tmp_path):
    cfg = toy.finetune_config(tmp_path, epochs=1)
    cfg.custom_hooks.append(dict(type='StrictLoadHook'))
    toy.build_runner(cfg).train()
    path = tmp_path / 'work' / 'epoch_1.pth'
    saved = torch.load(path, weights_only=True)
    assert saved['meta']['skeleton'] == dict(
        joint_parents=[1, 1, 1, 1, 1], modalities=['joint']
    )
    runner = toy.build_runner(cfg)
    runner.load_checkpoint(str(path))
    for name in ('train', 'val', 'test'):
        pipeline = cfg[f'{name}_dataloader'].dataset.pipeline
        pipeline[2].modalities = ['bone']
    with pytest.raises(ValueError, match='trained on joint, not on bone'):
        toy.build_runner(cfg).load_checkpoint(str(path))
