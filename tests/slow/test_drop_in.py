"""A user's MMAction2 project: its own tools and configs, one line of ours."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests import toy
from tests.conftest import ROOT
from tests.stock import RUN, mim_folder

pytestmark = pytest.mark.slow


def python(*command, cwd=None):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={
            **os.environ,
            'OMP_NUM_THREADS': '1',
            'PYTHONPATH': str(ROOT),
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def run(tool, *options, cwd=None):
    """One of MMAction2's own tools, as it is published."""
    return python(mim_folder() / 'tools' / tool, *options, cwd=cwd)


def test_pretraining_and_finetuning_with_mmaction2s_own_tools(tmp_path):
    cfg = toy.pretrain_config(tmp_path, epochs=2)
    cfg.custom_imports = dict(imports=['deeprank_mm'])
    cfg.dump(str(tmp_path / 'pretrain.py'))
    run('train.py', tmp_path / 'pretrain.py')
    assert (tmp_path / 'work' / 'epoch_2.pth').is_file()
    run(
        'train.py',
        tmp_path / 'pretrain.py',
        '--resume',
        '--cfg-options',
        'train_cfg.max_epochs=3',
    )
    saved = torch.load(tmp_path / 'work' / 'epoch_3.pth', weights_only=True)
    assert saved['rank_label_hook']['cycle'] == 3

    cfg.work_dir = str(tmp_path / 'tuned')
    cfg.model = dict(
        type='RecognizerGCN',
        backbone=toy.ENCODER,
        cls_head=dict(type='GCNHead', num_classes=2, in_channels=toy.WIDTH),
    )
    cfg.val_evaluator = [dict(type='AccMetric')]
    cfg.custom_hooks = [
        dict(type='LoadEncoderHook', checkpoint=str(tmp_path / 'work'))
    ]
    cfg.test_dataloader = cfg.val_dataloader
    cfg.test_evaluator = cfg.val_evaluator
    cfg.test_cfg = dict(type='TestLoop')
    cfg.dump(str(tmp_path / 'finetune.py'))
    out = run('train.py', tmp_path / 'finetune.py')
    assert 'strictly from' in out
    out = run(
        'test.py', tmp_path / 'finetune.py', tmp_path / 'tuned' / 'epoch_2.pth'
    )
    assert 'acc/top1' in out


# What a user adds to a stock config to pretrain on its data, ...
PRETRAIN = """
_base_ = {base!r}
custom_imports = dict(imports=['deeprank_mm'])
pack = dict(type='PackActionInputs', meta_keys=('frame_dir',))
train_pipeline = [*_base_.train_pipeline[:-1], pack]
val_pipeline = [*_base_.val_pipeline[:-1], pack]
model = dict(
    _delete_=True,
    type='MultiViewRanker',
    encoder=dict(
        type='STGCN', graph_cfg=dict(layout='coco', mode='stgcn_spatial'),
        base_channels=4, num_stages=3, inflate_stages=[3], down_stages=[3]),
    head=dict(type='TripletRankingHead', in_channels=8))
custom_hooks = [dict(type='RankLabelHook', interval=1)]
val_evaluator = [dict(type='RankingMetric', block_size=8)]
work_dir = 'pretrained'
"""
# ... and to finetune from that.
FINETUNE = """
_base_ = {base!r}
custom_imports = dict(imports=['deeprank_mm'])
train_pipeline = _base_.train_pipeline
val_pipeline = _base_.val_pipeline
model = dict(
    backbone=dict(
        base_channels=4, num_stages=3, inflate_stages=[3], down_stages=[3]),
    cls_head=dict(in_channels=8))
custom_hooks = [dict(type='LoadEncoderHook', checkpoint='pretrained')]
work_dir = 'tuned'
"""
# Makes either a matter of seconds.
SMALL = """
data = dict(ann_file='clips.pkl')
train_dataloader = dict(
    batch_size=4, num_workers=0, persistent_workers=False,
    dataset=dict(times=1, dataset=dict(data, pipeline=train_pipeline)))
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(data, pipeline=val_pipeline))
test_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(data))
default_hooks = dict(logger=dict(interval=1))
train_cfg = dict(max_epochs=2)
"""


def write_clips(path, count=12):
    """2D keypoints with scores, named and split as MMAction2's NTU60."""
    rng = np.random.default_rng(0)
    clips = [
        dict(
            frame_dir=f'clip{i}',
            label=i % 2,
            img_shape=(1080, 1920),
            original_shape=(1080, 1920),
            total_frames=20,
            keypoint=rng.uniform(0, 1000, (1, 20, 17, 2)).astype('float32'),
            keypoint_score=rng.uniform(size=(1, 20, 17)).astype('float32'),
        )
        for i in range(count)
    ]
    names = [clip['frame_dir'] for clip in clips]
    with open(path, 'wb') as file:
        pickle.dump(
            dict(
                split=dict(xsub_train=names, xsub_val=names), annotations=clips
            ),
            file,
        )


def test_a_stock_config_and_what_a_user_adds_to_it(tmp_path):
    """``_base_`` is the published file, the tools are the published ones."""
    base = mim_folder() / 'configs' / 'skeleton' / 'stgcn'
    base /= 'stgcn_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py'
    write_clips(tmp_path / 'clips.pkl')
    for name, text in (('pretrain', PRETRAIN), ('finetune', FINETUNE)):
        text = text.format(base=str(base)) + SMALL
        (tmp_path / f'{name}.py').write_text(text)

    out = run('train.py', 'pretrain.py', cwd=tmp_path)
    assert 'ranking/loss' in out
    out = run('train.py', 'finetune.py', cwd=tmp_path)
    assert 'strictly from' in out and 'pretrained/epoch_2.pth' in out
    out = run('test.py', 'finetune.py', 'tuned/epoch_2.pth', cwd=tmp_path)
    assert 'acc/top1' in out


# One process with us, one without; each writes what it sees.
WATCH = """
import sys
name, out = sys.argv[1:]
if name == 'with':
    import deeprank_mm
else:
    sys.modules['deeprank_mm'] = None
    from tests.stock import stand_in
    stand_in()
from tests.stock import watch
watch(out)
"""


def test_importing_us_adds_names_and_changes_nothing(tmp_path):
    """Stock configs build and compute the same, bit for bit."""
    seen, tensors = {}, {}
    for name in ('with', 'without'):
        (tmp_path / name).mkdir()
        python('-c', WATCH, name, tmp_path / name)
        text = (tmp_path / name / 'seen.json').read_text()
        seen[name] = json.loads(text)
        tensors[name] = torch.load(tmp_path / name / 'tensors.pth')

    before, after = (seen[k]['registries'] for k in ('without', 'with'))
    assert set(before) == set(after)
    added = {}
    for registry, names in before.items():
        now = after[registry]
        assert {k: now.get(k) for k in names} == names
        added.update({k: v for k, v in now.items() if k not in names})
    assert {'MultiViewRanker', 'SkeletonDataset'} <= set(added)
    for path in added.values():
        assert path.startswith('deeprank_mm.'), path

    assert len(seen['with']['shapes']) > 30
    assert seen['with']['shapes'] == seen['without']['shapes']
    assert set(tensors['with']) == set(RUN)
    for name, ours in tensors['with'].items():
        stock = tensors['without'][name]
        assert list(ours) == list(stock)
        for key, value in ours.items():
            assert torch.equal(value, stock[key]), (name, key)
