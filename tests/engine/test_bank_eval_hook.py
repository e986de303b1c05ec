"""What a run says of its features: at every refresh, and in the end."""

import json
import pickle

import pytest

from deeprank_mm.engine.extraction import extract_features, feature_loader
from deeprank_mm.evaluation import KNNMetric
from tests import toy

KNN = [dict(type='KNNMetric', k=[1])]


def trained(folder, **hook):
    cfg = toy.pretrain_config(
        folder, epochs=2, hook=dict(interval=1, max_cycles=2, **hook)
    )
    cfg.custom_hooks.append(dict(type='BankEvalHook', metrics=KNN))
    return cfg


def scalars(folder):
    (path,) = (folder / 'work').glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        (line['step'], line['cycle/knn1_joint'])
        for line in lines
        if 'cycle/knn1_joint' in line
    ]


def test_every_cycle_and_the_encoder_that_comes_out(tmp_path):
    runner = toy.build_runner(trained(tmp_path))
    runner.train()
    found = scalars(tmp_path)
    steps = len(runner.train_dataloader)
    assert [step for step, _ in found] == [0, steps, 2 * steps]
    (hook,) = [h for h in runner.hooks if hasattr(h, 'current_features')]
    train, val = (
        extract_features(
            runner.model, feature_loader(hook._datasets[part], 4), part
        )
        for part in ('train', 'val')
    )
    wanted = KNNMetric(k=[1]).compare(train, val)['knn1_joint']
    assert found[-1][1] == pytest.approx(wanted)
    # the labels of training are still the last cycle's
    assert runner.model.train_bank.digest != train.digest


def test_banks_that_memory_does_not_hold_are_not_extracted_again(tmp_path):
    runner = toy.build_runner(trained(tmp_path, bank=dict(storage='memmap')))
    runner.train()
    assert len(scalars(tmp_path)) == 2


def test_without_classes_there_is_nothing_to_say(tmp_path):
    cfg = trained(tmp_path)
    path = tmp_path / 'toy.pkl'
    content = pickle.loads(path.read_bytes())
    for item in content['annotations'][::3]:
        del item['label']
    path.write_bytes(pickle.dumps(content))
    runner = toy.build_runner(cfg)
    runner.train()
    assert runner.model.train_bank.labels is None
    assert not scalars(tmp_path)


def test_one_label_for_all_is_none(tmp_path):
    cfg = trained(tmp_path)
    path = tmp_path / 'toy.pkl'
    content = pickle.loads(path.read_bytes())
    for item in content['annotations']:
        item['label'] = 0
    path.write_bytes(pickle.dumps(content))
    toy.build_runner(cfg).train()
    assert not scalars(tmp_path)


def test_who_is_trained_on_is_not_called_held_out(tmp_path):
    first = dict(type='JointDistances', segments=2)
    cfg = trained(tmp_path, first_encoder=first)
    cfg.train_dataloader.dataset.holdout = None
    toy.build_runner(cfg).train()
    assert not scalars(tmp_path)
    (path,) = (tmp_path / 'work').glob('2*/*.log')
    text = path.read_text()
    assert text.count('validation samples are trained on: no accuracy') == 1
    assert 'Held-out samples' not in text


def test_first_labels_of_another_encoder_are_not_taken_for_the_run_s(
    tmp_path,
):
    first = dict(type='JointDistances', segments=2)
    runner = toy.build_runner(trained(tmp_path / 'one', first_encoder=first))
    runner.train()
    found = scalars(tmp_path / 'one')
    steps = len(runner.train_dataloader)
    assert [step for step, _ in found] == [0, steps, 2 * steps]
    # the untrained encoder is worth the same, whatever makes the labels
    toy.build_runner(trained(tmp_path / 'two')).train()
    assert found[0] == scalars(tmp_path / 'two')[0]
    (path,) = (tmp_path / 'one/work').glob('2*/*.log')
    text = path.read_text()
    assert text.count('Held-out samples, first labels: knn1_joint') == 1
    assert text.count('Held-out samples, before this cycle') == 2


def test_first_labels_in_files_are_read_and_nothing_is_extracted_for_them(
    tmp_path,
):
    first = dict(type='JointDistances', segments=2)
    bank = dict(storage='memmap')
    cfg = trained(tmp_path, first_encoder=first, bank=bank)
    toy.build_runner(cfg).train()
    # the second cycle's
    assert len(scalars(tmp_path)) == 1


def test_descriptors_that_are_too_many_are_not_evaluated(
    tmp_path, monkeypatch
):
    monkeypatch.setattr('deeprank_mm.engine.hooks.bank_eval_hook._MOST', 10)
    first = dict(type='JointDistances', segments=2)
    toy.build_runner(trained(tmp_path, first_encoder=first)).train()
    (path,) = (tmp_path / 'work').glob('2*/*.log')
    assert 'first labels: ' not in path.read_text()
    assert len(scalars(tmp_path)) == 3
