import json
import os
import os.path as osp
import re

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.hooks import Hook

from deeprank_mm.engine import RankLabelHook
from deeprank_mm.engine.calibration import calibrate_batch_norm
from deeprank_mm.engine.extraction import extract_features, feature_loader
from deeprank_mm.models import SharedEncoder
from deeprank_mm.structures import FeatureBank, MappedFeatureBank
from tests import toy


class Recorder(Hook):
    """Notes, an epoch at a time, which labels are in use."""

    priority = 'LOWEST'

    def __init__(self):
        self.train, self.val, self.weights = [], [], []
        self.rates = []

    def before_train_epoch(self, runner):
        self.train.append(runner.model.train_bank)
        self.val.append(runner.model.val_bank)
        self.rates += runner.optim_wrapper.get_lr()['lr']
        self.weights.append(
            {k: v.clone() for k, v in runner.model.state_dict().items()}
        )


def run(cfg):
    runner = toy.build_runner(cfg)
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.train()
    hook = next(h for h in runner.hooks if isinstance(h, RankLabelHook))
    return runner, hook, recorder


def digests(banks):
    return [bank.digest for bank in banks]


def test_labels_are_fixed_within_a_cycle_and_fresh_at_its_start(tmp_path):
    cfg = toy.pretrain_config(tmp_path, epochs=5, hook=dict(interval=2))
    runner, hook, seen = run(cfg)
    one, two, three, four, five = digests(seen.train)
    assert one == two != three == four != five
    assert hook.cycle == 3
    # the bank is what the encoder of that moment gives, in eval mode and
    # through the deterministic pipeline
    runner.model.load_state_dict(seen.weights[2])
    again = extract_features(
        runner.model, feature_loader(hook._datasets['train'], 4)
    )
    assert again.digest == three


def test_the_held_out_loss_is_logged_as_it_is(tmp_path):
    """And not its mean over validations, some of other labels."""

    class Seen(Hook):
        def __init__(self):
            self.losses = []

        def after_val_epoch(self, runner, metrics=None):
            self.losses.append(metrics['ranking/loss'])

    def logged(cfg):
        seen = Seen()
        runner = toy.build_runner(cfg)
        runner.register_hook(seen)
        runner.train()
        # the last folder is this run's
        path = max(tmp_path.glob('work/2*/vis_data/scalars.json'))
        lines = map(json.loads, path.read_text().splitlines())
        found = [x['ranking/loss'] for x in lines if 'ranking/loss' in x]
        return seen.losses, found

    cfg = toy.pretrain_config(tmp_path, epochs=3, hook=dict(interval=1))
    cfg.default_hooks.checkpoint.type = 'AtomicCheckpointHook'
    losses, found = logged(cfg)
    assert found == losses and len(set(losses)) == 3
    cfg.resume, cfg.train_cfg.max_epochs = True, 5
    losses, found = logged(cfg)
    assert found[-2:] == losses[-2:] and len(set(losses)) == len(losses) > 1


def test_training_and_holdout_have_banks_of_their_own(tmp_path):
    runner, _, seen = run(toy.pretrain_config(tmp_path, epochs=1))
    train, val = seen.train[0], seen.val[0]
    assert not set(train.ids) & set(val.ids)
    assert len(train) == len(runner.train_dataloader.dataset)
    assert len(val) == len(runner.val_dataloader.dataset)


def test_the_data_is_neither_copied_nor_changed(tmp_path):
    runner, hook, _ = run(toy.pretrain_config(tmp_path, epochs=1))
    source = runner.train_dataloader.dataset
    view = hook._datasets['train']
    assert view.data_bytes is source.data_bytes
    assert 'crop=(0.5, 1.0)' in repr(source.pipeline)
    assert 'crop=0.95' in repr(view.pipeline)


def test_plateau_refreshes_then_stops_with_a_saved_checkpoint(tmp_path):
    # nothing can fall by 10, so every second validation is a plateau
    cfg = toy.pretrain_config(
        tmp_path,
        epochs=50,
        hook=dict(patience=2, min_delta=10.0, max_cycles=3),
    )
    cfg.default_hooks.checkpoint.interval = 100
    cfg.default_hooks.checkpoint.save_last = False
    runner, hook, seen = run(cfg)
    # the first reading is always progress
    assert runner.epoch == 9
    assert len(set(digests(seen.train))) == 3
    assert hook.cycle == 3
    latest = (tmp_path / 'work' / 'last_checkpoint').read_text()
    saved = torch.load(latest, weights_only=True)
    assert saved['meta']['epoch'] == 9
    toy.assert_same_weights(runner.model.state_dict(), saved['state_dict'])


def test_fixed_interval_stops_after_the_last_cycle(tmp_path):
    cfg = toy.pretrain_config(
        tmp_path, epochs=50, hook=dict(interval=2, max_cycles=2)
    )
    runner, hook, seen = run(cfg)
    assert runner.epoch == 4
    assert hook.cycle == 2
    assert os.path.isfile(tmp_path / 'work' / 'epoch_4.pth')


@pytest.mark.parametrize(
    'hook',
    [
        dict(interval=1, max_cycles=2),
        dict(patience=1, min_delta=10.0, max_cycles=1),
    ],
)
def test_a_finished_run_stays_finished(tmp_path, hook):
    cfg = toy.pretrain_config(tmp_path, epochs=50, hook=hook)
    first, _, _ = run(cfg)
    cfg.resume = True
    again, label_hook, seen = run(cfg)
    assert again.epoch == first.epoch == 2
    assert label_hook.cycle == hook['max_cycles']
    assert not seen.train
    for key, value in first.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[key])


def test_no_pass_after_the_last_epoch(tmp_path):
    _, hook, _ = run(
        toy.pretrain_config(tmp_path, epochs=4, hook=dict(interval=2))
    )
    assert hook.cycle == 2


def test_iteration_based_loop(tmp_path):
    cfg = toy.pretrain_config(tmp_path, hook=dict(interval=3, max_cycles=3))
    cfg.train_cfg = dict(
        type='IterBasedTrainLoop', max_iters=50, val_interval=4
    )
    cfg.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
    cfg.default_hooks.checkpoint.by_epoch = False
    cfg.default_hooks.checkpoint.interval = 100
    runner, hook, _ = run(cfg)
    assert runner.iter == 9
    assert hook.cycle == 3
    assert os.path.isfile(tmp_path / 'work' / 'iter_9.pth')


def test_resume_goes_on_in_the_same_cycle_with_the_same_labels(tmp_path):
    cfg = toy.pretrain_config(
        tmp_path, epochs=6, hook=dict(interval=3), workers=0
    )
    whole, _, seen = run(cfg)
    again = cfg.copy()
    again.resume = True
    again.load_from = str(tmp_path / 'work' / 'epoch_4.pth')
    resumed, hook, later = run(again)
    assert digests(later.train) == digests(seen.train)[4:]
    assert digests(later.val) == digests(seen.val)[4:]
    assert hook.cycle == 2


def test_resume_without_its_bank_is_an_error(tmp_path):
    cfg = toy.pretrain_config(tmp_path, epochs=2, hook=dict(interval=2))
    run(cfg)
    path = tmp_path / 'work' / 'banks' / 'cycle_001_train.pth'
    content = path.read_bytes()
    path.unlink()
    cfg.resume = True
    cfg.train_cfg.max_epochs = 3
    with pytest.raises(FileNotFoundError, match='cycle_001_train.pth'):
        run(cfg)
    path.write_bytes(content)
    other = FeatureBank.load(str(path))
    other.features['joint'] += 1
    other.save(str(path))
    with pytest.raises(ValueError, match='cycle_001_train.pth.*digest'):
        run(cfg)


def test_banks_of_kept_checkpoints_stay(tmp_path):
    cfg = toy.pretrain_config(tmp_path, epochs=6, hook=dict(interval=1))
    cfg.default_hooks.checkpoint.max_keep_ckpts = 2
    run(cfg)
    kept = {
        name
        for path in (tmp_path / 'work').glob('epoch_*.pth')
        for name in (
            file['name']
            for file in torch.load(path, weights_only=True)['rank_label_hook'][
                'files'
            ]['current'].values()
        )
    }
    there = set(os.listdir(tmp_path / 'work' / 'banks'))
    assert len(kept) == 4
    assert kept <= there
    assert len(there) < 12


def test_repeated_data_has_one_row_a_sample(tmp_path):
    cfg = toy.pretrain_config(tmp_path, epochs=1)
    inner = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', times=3, dataset=inner
    )
    runner, _, seen = run(cfg)
    assert len(seen.train[0]) * 3 == len(runner.train_dataloader.dataset)


def test_stock_pose_dataset_works(tmp_path):
    cfg = toy.pretrain_config(tmp_path, epochs=1)
    for loader, split in (('train', 'train'), ('val', 'test')):
        data = cfg[f'{loader}_dataloader'].dataset
        data.type = 'PoseDataset'
        data.split = split
        data.pop('holdout')
    runner, hook, _ = run(cfg)
    assert hook.cycle == 1
    assert type(runner.train_dataloader.dataset).__name__ == 'PoseDataset'


@pytest.mark.parametrize('option', ['reset_head', 'reset_momentum'])
def test_what_starts_anew_at_a_refresh(tmp_path, option):
    plain, *_ = run(toy.pretrain_config(tmp_path / 'a', 2))
    reset, _, seen = run(
        toy.pretrain_config(
            tmp_path / 'b', 2, hook=dict(interval=1, **{option: True})
        )
    )
    _, _, usual = run(toy.pretrain_config(tmp_path / 'c', 2))
    head = 'heads.joint.self.fc1.weight'
    encoder = 'encoders.joint.gcn.0.gcn.conv.weight'
    one, two = usual.weights[1], seen.weights[1]
    assert torch.equal(one[head], two[head]) == (option != 'reset_head')
    assert torch.equal(one[encoder], two[encoder])
    ends = [r.model.state_dict()[encoder] for r in (plain, reset)]
    assert not torch.equal(*ends)


def test_restarted_learning_rate(tmp_path):
    def rates(name, **option):
        cfg = toy.pretrain_config(
            tmp_path / name, 4, hook=dict(interval=2, **option)
        )
        cfg.param_scheduler = [
            dict(type='MultiStepLR', by_epoch=True, milestones=[1], gamma=0.1)
        ]
        _, _, seen = run(cfg)
        return seen.rates

    assert rates('on') == pytest.approx([0.05, 0.005, 0.005, 0.005])
    assert rates('anew', restart_lr=True) == pytest.approx(
        [0.05, 0.005, 0.05, 0.005]
    )


def test_collapsed_features_warn(tmp_path, caplog):
    cfg = toy.pretrain_config(
        tmp_path, 1, hook=dict(interval=1, collapse_threshold=1.1)
    )
    runner = toy.build_runner(cfg)
    runner.logger.addHandler(caplog.handler)
    runner.train()
    assert 'joint features have collapsed' in caplog.text


def report_of(tmp_path, caplog, **kwargs):
    cfg = toy.pretrain_config(tmp_path, 1, **kwargs)
    cfg.default_hooks.checkpoint.update(interval=100, save_last=False)
    runner = toy.build_runner(cfg)
    runner.logger.addHandler(caplog.handler)
    runner.train()
    lines = (tmp_path / 'work').glob('*/vis_data/scalars.json')
    return caplog.text, next(lines).read_text()


def test_disagreement_of_the_views_is_logged_each_cycle(tmp_path, caplog):
    text, scalars = report_of(
        tmp_path,
        caplog,
        modalities=('joint', 'bone'),
        views=('self', 'other', 'all'),
    )
    assert re.search(
        r'Cycle 1: labels that differ from the self view, of \d+ triplets '
        r'\(95 % interval\): joint other \d+\.\d\d % '
        r'\(\d+\.\d\d to \d+\.\d\d\), joint all ',
        text,
    )
    assert 'degraded to DeepRank' not in text
    for head in ('joint_other', 'joint_all', 'bone_other', 'bone_all'):
        assert f'"cycle/disagreement_{head}": 0.' in scalars


def test_views_that_never_disagree_warn(tmp_path, caplog):
    # with one modality the sum over all is its own
    text, _ = report_of(tmp_path, caplog, views=('self', 'all'))
    assert 'For joint all views give the same labels' in text
    assert 'MV-DeepRank has degraded to DeepRank' in text


def test_the_self_view_alone_has_nothing_to_disagree_with(tmp_path, caplog):
    text, scalars = report_of(tmp_path, caplog, modalities=('joint', 'bone'))
    assert 'differ from the self view' not in text
    assert 'disagreement' not in scalars


@pytest.mark.parametrize('size', [1, 2])
def test_a_batch_size_without_triplets_is_an_error_at_the_start(
    tmp_path, size
):
    cfg = toy.pretrain_config(tmp_path)
    cfg.train_dataloader.batch_size = size
    with pytest.raises(ValueError, match=f'batch_size={size}.*at least 3'):
        run(cfg)


def test_a_plateau_needs_a_holdout(tmp_path):
    cfg = toy.pretrain_config(tmp_path, hook=dict(patience=1))
    cfg.custom_hooks[0].pipeline = cfg.val_dataloader.dataset.pipeline
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        cfg[key] = None
    with pytest.raises(ValueError, match='holdout.*or set `interval`'):
        run(cfg)


def test_a_plateau_is_not_judged_on_what_is_trained_on(tmp_path):
    cfg = toy.pretrain_config(tmp_path, hook=dict(interval=None))
    cfg.train_dataloader.dataset.holdout = None
    said = 'of its .* samples, such as .*, are trained on.*or set `interval`'
    with pytest.raises(ValueError, match=said):
        toy.build_runner(cfg).train()


def test_without_validation_a_pipeline_must_be_given(tmp_path):
    cfg = toy.pretrain_config(tmp_path, epochs=1)
    pipeline = cfg.val_dataloader.dataset.pipeline
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        cfg[key] = None
    with pytest.raises(ValueError, match='pass it as `pipeline`'):
        run(cfg)
    cfg.custom_hooks[0].pipeline = pipeline
    _, hook, _ = run(cfg)
    assert hook.cycle == 1


def test_a_random_extraction_pipeline_is_an_error(tmp_path):
    cfg = toy.pretrain_config(tmp_path)
    cfg.custom_hooks[0].pipeline = cfg.train_dataloader.dataset.pipeline
    with pytest.raises(ValueError, match='is random'):
        run(cfg)


def test_an_unknown_monitor_is_named(tmp_path):
    cfg = toy.pretrain_config(
        tmp_path, hook=dict(patience=1, monitor='acc/top1')
    )
    with pytest.raises(KeyError, match="monitors 'acc/top1'"):
        run(cfg)


def test_bad_settings():
    with pytest.raises(ValueError, match='`interval` must be 1 or more'):
        RankLabelHook(interval=0)
    with pytest.raises(ValueError, match='`max_cycles` must be 1'):
        RankLabelHook(max_cycles=0)


def test_the_same_seed_gives_the_same_numbers(tmp_path):
    ends = []
    for name in ('a', 'b'):
        runner, *_ = run(toy.pretrain_config(tmp_path / name, 2))
        ends.append(runner.model.state_dict())
    for key, value in ends[0].items():
        assert torch.equal(value, ends[1][key]), key


@pytest.mark.parametrize('dtype', ['float32', 'float16'])
def test_a_mapped_bank_trains_and_resumes(tmp_path, dtype):
    hook = dict(interval=2)
    mapped = dict(hook, bank=dict(storage='memmap', dtype=dtype))
    cfg = toy.pretrain_config(tmp_path / 'memory', 4, hook)
    memory, _, memory_seen = run(cfg)
    cfg = toy.pretrain_config(tmp_path / 'mapped', 4, mapped)
    runner, _, seen = run(cfg)
    kinds = {type(bank) for bank in seen.train + seen.val}
    assert kinds == {MappedFeatureBank}
    exact = dtype == 'float32'
    same = digests(seen.train) == digests(memory_seen.train)
    assert same == exact
    if exact:
        for one, two in zip(
            runner.model.state_dict().values(),
            memory.model.state_dict().values(),
        ):
            assert torch.equal(one, two)
    # resumed in the middle of the second cycle
    cfg = toy.pretrain_config(tmp_path / 'mapped', 4, mapped)
    cfg.resume, cfg.load_from = True, osp.join(cfg.work_dir, 'epoch_3.pth')
    _, _, again = run(cfg)
    assert digests(again.train) == digests(seen.train)[3:]
    left = os.listdir(tmp_path / 'mapped' / 'work' / 'banks')
    assert not [name for name in left if name.endswith('.partial')]


def test_a_mapped_bank_that_is_missing_or_another(tmp_path):
    hook = dict(interval=2, bank=dict(storage='memmap'))
    cfg = toy.pretrain_config(tmp_path, 3, hook)
    run(cfg)
    cfg = toy.pretrain_config(tmp_path, 4, hook)
    cfg.resume, cfg.load_from = True, str(tmp_path / 'work/epoch_3.pth')
    bank = tmp_path / 'work' / 'banks' / 'cycle_002_train.pth'
    content = bank.read_bytes()
    bank.write_bytes(content[:100] + b'????' + content[104:])
    with pytest.raises(ValueError, match='cycle_002_train.pth is not the one'):
        run(cfg)
    bank.unlink()
    with pytest.raises(FileNotFoundError, match='cycle_002_train.pth is mis'):
        run(cfg)


@pytest.mark.parametrize(
    'bank, error, said',
    [
        (dict(storage='disk'), ValueError, 'memory, memmap'),
        (dict(storage='memmap', dtype='int8'), ValueError, 'float16'),
        (dict(storage='memory', dtype='float16'), ValueError, "'memmap'"),
        (dict(dtype='float16'), TypeError, 'must have storage'),
        ('memmap', TypeError, 'bank'),
    ],
)
def test_where_a_bank_cannot_be(bank, error, said):
    with pytest.raises(error, match=said):
        RankLabelHook(bank=bank)


@pytest.mark.parametrize('storage', ['memory', 'memmap'])
def test_another_encoder_makes_the_first_labels(tmp_path, storage):
    cfg = toy.pretrain_config(
        tmp_path,
        epochs=2,
        modalities=('joint', 'bone'),
        hook=dict(
            interval=1,
            first_encoder=dict(type='JointDistances', segments=2),
            bank=dict(storage=storage),
        ),
    )
    runner, hook, seen = run(cfg)
    first, second = seen.train
    measure = MODELS.build(hook.first_encoder)
    (item,) = [
        sample
        for sample in hook._datasets['train']
        if sample['data_samples'].sample_id == first.ids[0]
    ]
    clips = item['inputs'].float()
    rows = first.lookup(torch.tensor([0]))
    for name, part in zip(('joint', 'bone'), clips.chunk(2, dim=-1)):
        torch.testing.assert_close(rows[name], measure(part))
    assert seen.val[0].lookup(torch.tensor([0]))['joint'].shape == (1, 20)
    # and then the encoder itself, of which it is no part
    widths = second.lookup(torch.tensor([0]))
    assert {v.shape[1] for v in widths.values()} == {toy.WIDTH}
    assert not any('shared' in key for key in runner.model.state_dict())
    # how many labels change between the two does not depend on their widths
    (path,) = (tmp_path / 'work').glob('2*/vis_data/scalars.json')
    lines = map(json.loads, path.read_text().splitlines())
    key = 'cycle/flip_rate_joint_self'
    (flips,) = [line[key] for line in lines if key in line]
    assert 0 < flips < 1


def test_a_resumed_run_keeps_first_labels_of_another_encoder(tmp_path):
    def config(epochs):
        return toy.pretrain_config(
            tmp_path,
            epochs=epochs,
            hook=dict(interval=2, first_encoder=dict(type='JointDistances')),
        )

    _, _, seen = run(config(1))
    cfg = config(2)
    cfg.resume = True
    _, hook, again = run(cfg)
    assert hook.cycle == 1
    assert digests(again.train) == digests(seen.train)


def test_a_random_first_encoder_repeats_and_shifts_no_other_numbers(tmp_path):

    def first(folder, **hook):
        cfg = toy.pretrain_config(
            tmp_path / folder, epochs=1, hook=dict(interval=1, **hook)
        )
        runner, hook, seen = run(cfg)
        return seen, runner, hook

    other = dict(toy.ENCODER, base_channels=6)
    one, runner, hook = first('one', first_encoder=other)
    two, _, _ = first('two', first_encoder=other)
    assert digests(one.train + one.val) == digests(two.train + two.val)
    # of one encoder for all parts, calibrated as the model's own
    shared = SharedEncoder(runner.model, other)
    assert calibrate_batch_norm(
        shared, hook._datasets['train'], batch_size=hook.batch_size
    )
    for part, bank in (('train', one.train[0]), ('val', one.val[0])):
        loader = feature_loader(hook._datasets[part], 4)
        assert extract_features(shared, loader).digest == bank.digest
    own, _, _ = first('own')
    for key, value in own.weights[0].items():
        torch.testing.assert_close(one.weights[0][key], value)
