import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.dataset import pseudo_collate
from torch import nn

from deeprank_mm.engine.calibration import calibrate_batch_norm
from deeprank_mm.engine.extraction import (
    check_deterministic,
    evaluating,
    extract_features,
    feature_loader,
)
from tests import toy


@pytest.fixture
def dataset(tmp_path):
    ann_file = toy.annotation_file(tmp_path / 'toy.pkl')
    return toy.build_dataset(ann_file, split='train', test_mode=True)


@pytest.fixture
def model():
    model = MODELS.build(toy.ranker())
    model.init_weights()
    return model


def test_every_sample_gets_the_feature_of_the_eval_mode(dataset, model):
    calibrate_batch_norm(model, dataset)
    bank = extract_features(model, feature_loader(dataset, batch_size=4))
    assert bank.ids == sorted(dataset.sample_ids)
    model.eval()
    for i in (0, 7, 14):
        item = dataset[i]
        alone = model.extract_feat(item['inputs'][None].float())['joint'][0]
        row = bank.rows([dataset.sample_ids[i]])
        torch.testing.assert_close(bank.lookup(row)['joint'][0], alone)
        assert bank.labels[row] == item['data_samples'].gt_label
    bigger = extract_features(model, feature_loader(dataset, batch_size=15))
    torch.testing.assert_close(
        bigger.features['joint'], bank.features['joint']
    )


def test_modes_are_put_back_as_they_were(dataset, model):
    model.train()
    frozen = model.encoders['joint'].data_bn
    frozen.eval()
    with evaluating(model):
        assert not any(m.training for m in model.modules())
    assert model.training
    assert not frozen.training


def test_training_random_numbers_are_not_shifted(dataset, model):
    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    calibrate_batch_norm(model, dataset)
    check_deterministic(dataset)
    extract_features(model, feature_loader(dataset, 4))
    assert (torch.rand(1), np.random.rand()) == expected


def test_unlabelled_samples_make_a_bank_without_labels(tmp_path, model):
    import pickle

    data = toy.annotations(6)
    for item in data:
        del item['label']
    with open(tmp_path / 'bare.pkl', 'wb') as file:
        pickle.dump(data, file)
    dataset = toy.build_dataset(str(tmp_path / 'bare.pkl'), test_mode=True)
    assert extract_features(model, feature_loader(dataset)).labels is None


def test_a_random_pipeline_is_refused(tmp_path):
    dataset = toy.build_dataset(
        toy.annotation_file(tmp_path / 'toy.pkl'),
        crop=(0.5, 1.0),
        split='train',
    )
    with pytest.raises(ValueError, match='is random.*without random steps'):
        check_deterministic(dataset)


def test_a_pipeline_that_packs_nothing_is_named(tmp_path, model):
    ann_file = toy.annotation_file(tmp_path / 'toy.pkl')
    dataset = toy.build_dataset(ann_file, split='train', test_mode=True)
    dataset.pipeline.transforms.pop()
    said = 'no inputs and no data_samples.*PackActionInputs'
    with pytest.raises(ValueError, match=said):
        check_deterministic(dataset)
    with pytest.raises(ValueError, match=said):
        extract_features(model, feature_loader(dataset))
    with pytest.raises(ValueError, match=said):
        model.val_step(pseudo_collate([dataset[0]]))


def test_calibration_estimates_statistics_and_touches_no_weight(
    dataset, model
):
    before = {k: v.clone() for k, v in model.named_parameters()}
    momentum = model.encoders['joint'].data_bn.momentum
    layers = calibrate_batch_norm(model, dataset, batches=100, batch_size=15)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d)]
    assert layers >= len(norms) == 1
    for key, value in model.named_parameters():
        assert torch.equal(value, before[key])
    assert norms[0].momentum == momentum
    # the first layer's statistics are those of the data, by definition
    inputs = torch.stack([dataset[i]['inputs'] for i in range(15)]).float()
    channels = inputs[:, 0, 0].permute(2, 3, 0, 1).reshape(15, -1)
    torch.testing.assert_close(
        norms[0].running_mean, channels.mean(1), rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(
        norms[0].running_var, channels.var(1), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize('batch_size, weight', [(14, 15), (7, 8), (4, 4)])
def test_a_sample_left_over_does_not_count_as_a_batch(
    dataset, model, batch_size, weight
):
    """One of 15 samples would count for half beside a batch of 14."""
    seen = []
    model.encoders['joint'].register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    calibrate_batch_norm(model, dataset, batch_size=batch_size)
    assert sum(map(len, seen)) == len(dataset) == 15
    # none counts for more than the others but where a batch's worth is left
    assert max(map(len, seen)) == weight
    assert min(map(len, seen)) * (len(seen) - 1) >= batch_size or (
        min(map(len, seen)) >= batch_size
    )
    means = [x[..., :3].mean((0, 1, 2)).flatten() for x in seen]
    torch.testing.assert_close(
        model.encoders['joint'].data_bn.running_mean,
        torch.stack(means).mean(0),
    )


def test_what_has_statistics_keeps_them(dataset, model):
    """Of a checkpoint, for example: fine-tuning starts from them."""
    batch_norm = model.encoders['joint'].data_bn
    calibrate_batch_norm(model, dataset)
    batch_norm.running_mean.fill_(7)
    assert calibrate_batch_norm(model, dataset) == 0
    assert torch.equal(
        batch_norm.running_mean, torch.full_like(batch_norm.running_mean, 7)
    )


def test_calibration_spreads_the_features_of_a_fresh_encoder(dataset, model):
    from deeprank_mm.engine.label_statistics import feature_spread

    raw = extract_features(model, feature_loader(dataset))
    calibrate_batch_norm(model, dataset)
    calibrated = extract_features(model, feature_loader(dataset))
    assert feature_spread(calibrated.features['joint']) > feature_spread(
        raw.features['joint']
    )
