"""A checkpoint, asked about single sequences."""

import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from PIL import Image

from deeprank_mm.apis import SkeletonInferencer
from deeprank_mm.utils.usage import UsageError
from tests import toy


def save(folder, cfg, drop=()):
    """A checkpoint with weights as initialised, and its config inside."""
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg.model)
    path = folder / 'toy.pth'
    weights = {k: v for k, v in model.state_dict().items() if k not in drop}
    torch.save(dict(state_dict=weights, meta=dict(cfg=cfg.pretty_text)), path)
    return path


@pytest.fixture
def tuned(tmp_path):
    return save(tmp_path, toy.finetune_config(tmp_path))


@pytest.fixture
def pretrained(tmp_path):
    cfg = toy.pretrain_config(tmp_path, modalities=('joint', 'bone'))
    cfg.test_dataloader = cfg.val_dataloader
    cfg.test_dataloader.dataset.pop('holdout')
    cfg.test_dataloader.dataset.split = 'test'
    return save(tmp_path, cfg)


def expected_scores(path):
    """Of the test split, by MMAction2's own model and data set."""
    content = torch.load(path)
    cfg = Config.fromstring(content['meta']['cfg'], '.py')
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg.model).eval()
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
    model.load_state_dict(content['state_dict'])
    with torch.no_grad():
        batch = pseudo_collate([dataset[i] for i in range(len(dataset))])
        batch = model.data_preprocessor(batch, False)
        out = model(**batch, mode='predict')
    return {s.sample_id: s.pred_score for s in out}


def test_classes_are_those_of_the_test(tuned):
    recognise = SkeletonInferencer(str(tuned), class_names=['wave', 'sit'])
    assert recognise.task == 'classify'
    clips = {a['frame_dir']: a for a in toy.annotations()}
    for name, scores in expected_scores(tuned).items():
        answer = recognise(clips[name], topk=5)
        assert [r.label for r in answer.rows] == scores.argsort(
            descending=True
        ).tolist()
        for row in answer.rows:
            # a GPU may choose other kernels for other batch sizes
            assert row.score == pytest.approx(
                scores[row.label].item(), rel=1e-5
            )
            assert row.title == ['wave', 'sit'][row.label]
        # the annotation is the same as a bare array, or as a file of many
        bare = recognise(clips[name]['keypoint'][0], topk=1)
        assert bare.rows == answer.rows[:1]
        file = recognise(str(tuned.parent / 'toy.pkl'), 2, sample=name)
        assert file.rows == answer.rows and file.name == name
    assert str(answer).count('\n') == 1 and '%' in str(answer)


def test_the_input_is_left_as_it_was(tuned):
    clip = toy.annotations()[0]['keypoint']
    before = clip.copy()
    SkeletonInferencer(str(tuned))(clip)
    np.testing.assert_array_equal(clip, before)


def test_pretraining_retrieves(pretrained):
    found = {}
    for modality in ('joint', 'bone'):
        infer = SkeletonInferencer(str(pretrained), modality=modality)
        assert infer.task == 'retrieve'
        clips = toy.annotations()
        answer = infer(clips[3], topk=4)
        # itself first, for it is one of the training split
        assert answer.rows[0].sample_id == 'clip003'
        assert answer.rows[0].score == pytest.approx(1, abs=1e-5)
        assert answer.rows[0].title == 'class 1'
        scores = [row.score for row in answer.rows]
        assert scores == sorted(scores, reverse=True)
        one, two = (
            infer.feature(dict(clips[i], total_frames=12)) for i in (3, 5)
        )
        all_of_them = {r.sample_id: r.score for r in infer(clips[3], 99).rows}
        cosine = torch.cosine_similarity(one, two, dim=0).item()
        assert all_of_them['clip005'] == pytest.approx(cosine, abs=1e-5)
        found[modality] = scores
    assert found['joint'] != found['bone']


@pytest.mark.parametrize('task', ['tuned', 'pretrained'])
def test_pictures(task, request, tmp_path):
    infer = SkeletonInferencer(str(request.getfixturevalue(task)))
    answer = infer(toy.annotations()[0], topk=1)
    for name in ('new/a.png', 'a.gif'):
        infer.draw(answer, tmp_path / name)
        assert min(Image.open(tmp_path / name).size) > 100
    with pytest.raises(UsageError, match='.png or .gif'):
        infer.draw(answer, tmp_path / 'a.jpg')


def test_a_config_beside_the_checkpoint(tuned, tmp_path):
    cfg = toy.finetune_config(tmp_path / 'x')
    cfg.custom_imports = dict(imports=['deeprank_mm'])
    cfg.dump(tmp_path / 'toy.py')
    config = str(tmp_path / 'toy.py')
    clip = toy.annotations()[0]
    one = SkeletonInferencer(config, str(tuned))(clip)
    assert one.rows == SkeletonInferencer(str(tuned))(clip).rows
    with pytest.raises(UsageError, match='name a checkpoint'):
        SkeletonInferencer(config)
    with pytest.raises(UsageError, match='is no config'):
        SkeletonInferencer(str(tuned), config)


def test_every_tensor_must_fit(tmp_path):
    cfg = toy.finetune_config(tmp_path)
    path = save(tmp_path, cfg, drop=['cls_head.fc.bias'])
    with pytest.raises(UsageError, match='1 missing: cls_head.fc.bias'):
        SkeletonInferencer(str(path))


def test_what_the_model_cannot_take(tuned):
    recognise = SkeletonInferencer(str(tuned), class_names=['wave'])
    with pytest.raises(UsageError, match='25 joints.*skeletons of 5'):
        recognise(np.zeros((1, 9, 25, 3), dtype=np.float32))
    with pytest.raises(UsageError, match='topk'):
        recognise(toy.annotations()[0], topk=0)
    with pytest.raises(UsageError, match='has 1 names.*class 1'):
        recognise(toy.annotations()[0])


def test_2d_keypoints_need_the_size_of_their_image(tmp_path):
    cfg = toy.finetune_config(tmp_path)
    cfg.test_dataloader.dataset.pipeline.insert(0, dict(type='PreNormalize2D'))
    recognise = SkeletonInferencer(str(save(tmp_path, cfg)))
    clip = toy.annotations()[0]['keypoint']
    with pytest.raises(UsageError, match='img_shape'):
        recognise(clip)
    small, large = (
        recognise(clip, img_shape=shape).rows for shape in ((9, 9), (900, 900))
    )
    assert small != large
