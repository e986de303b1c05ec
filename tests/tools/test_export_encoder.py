"""The tool that writes plain ``backbone.*`` weights."""

import runpy

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope

from deeprank_mm.engine.encoder_weights import read_encoder
from tests import toy


@pytest.fixture
def run(repo_root, tmp_path, capsys):
    main = runpy.run_path(
        str(repo_root / 'tools' / 'model_converters' / 'export_encoder.py')
    )['main']

    def run(content, *options):
        source = tmp_path / 'in.pth'
        torch.save(content, source)
        status = main([str(source), str(tmp_path / 'new' / 'x.pth'), *options])
        said = capsys.readouterr()
        return status, said.out + said.err, tmp_path / 'new' / 'x.pth'

    return run


@pytest.fixture(scope='module')
def ranker():
    with DefaultScope.overwrite_default_scope('mmaction'):
        return MODELS.build(toy.ranker(('joint', 'bone')))


def test_the_named_encoder_as_backbone(run, ranker):
    skeleton = dict(joint_parents=[1] * 5, modalities=['joint', 'bone'])
    content = dict(
        state_dict=ranker.state_dict(), meta=dict(skeleton=skeleton)
    )
    status, said, path = run(content, '--modality', 'bone')
    saved = torch.load(path, weights_only=True)
    expected = ranker.encoders['bone'].state_dict()
    assert status == 0 and f'{len(expected)} tensors' in said
    assert set(saved['state_dict']) == {f'backbone.{k}' for k in expected}
    for key, value in expected.items():
        assert torch.equal(saved['state_dict'][f'backbone.{key}'], value)
    assert saved['meta']['modality'] == 'bone'
    # what is known of its skeletons goes with it
    assert saved['meta']['skeleton']['modalities'] == ['bone']
    assert read_encoder(str(path)).kind == 'recognizer'


def test_any_kind_of_checkpoint(run, ranker):
    encoder = ranker.encoders['joint'].state_dict()
    tuned = {f'backbone.{k}': v for k, v in encoder.items()}
    for content in (encoder, {**tuned, 'cls_head.fc.bias': torch.ones(2)}):
        status, _, path = run(content)
        assert status == 0
        saved = torch.load(path, weights_only=True)['state_dict']
        assert set(saved) == set(tuned)


def test_errors_are_one_sentence(run, ranker):
    status, said, path = run(ranker.state_dict(), '--modality', 'motion')
    assert status == 1 and not path.exists()
    assert said.startswith('error: ') and 'bone, joint' in said
    status, said, path = run({}, '--kind', 'backbone')
    assert status == 1 and not path.exists() and 'tensors by name' in said
