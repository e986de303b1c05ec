"""Checkpoints that no kill makes useless, and what is resumed from them."""

import itertools
import os
import pickle
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

from deeprank_mm import atomic
from deeprank_mm.engine.checkpoint_files import damage, latest_checkpoint
from tests.tool_module import load_tool

_names = itertools.count()


class Kill(BaseException):
    """Ends a run as a signal would: nothing catches it."""


class Tiny(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        torch.nn.init.constant_(self.layer.weight, 0.5)
        torch.nn.init.zeros_(self.layer.bias)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        out = self.layer(torch.stack(inputs))
        return dict(loss=out.square().mean()) if mode == 'loss' else [out]


class Scores(BaseMetric):
    """Gives the scores that it was told, one a validation."""

    def __init__(self, scores):
        super().__init__()
        self.scores = iter(scores)

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return next(self.scores)


def config(
    folder,
    hook='AtomicCheckpointHook',
    epochs=6,
    scores=(),
    by_iter=False,
    val=1,
    **kwargs,
):
    """A run of two steps an epoch, validated with the given scores."""
    loader = dict(
        batch_size=2,
        num_workers=0,
        dataset=[dict(inputs=torch.full((2,), float(i))) for i in range(4)],
        sampler=dict(type='DefaultSampler', shuffle=True),
    )
    if by_iter:
        loader['sampler']['type'] = 'InfiniteSampler'
        train = dict(type='IterBasedTrainLoop', max_iters=epochs)
    else:
        train = dict(type='EpochBasedTrainLoop', max_epochs=epochs)
    cfg = dict(
        default_scope='mmaction',
        work_dir=str(folder),
        experiment_name=f'run{next(_names)}',
        train_dataloader=loader,
        train_cfg=dict(train, val_interval=val),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
        default_hooks=dict(
            checkpoint=dict(
                type=hook, **dict(dict(by_epoch=not by_iter), **kwargs)
            )
        ),
        randomness=dict(seed=0),
        log_level='WARNING',
    )
    if scores:
        cfg.update(
            val_dataloader=dict(
                loader, sampler=dict(type='DefaultSampler', shuffle=False)
            ),
            val_cfg=dict(),
            val_evaluator=[Scores([dict(s) for s in scores])],
        )
    return cfg


def build(cfg, resume=False, load_from=None):
    cfg = dict(cfg, model=Tiny(), experiment_name=f'run{next(_names)}')
    return Runner(**cfg, resume=resume, load_from=load_from, cfg=Config())


def files(folder):
    """Checkpoints; what is published has a hash in its name."""
    return sorted(
        re.sub(r'-[0-9a-f]{8}', '-HASH', path.name)
        for path in folder.glob('*.*')
        if path.suffix in ('.pth', '.partial') or path.name == 'tag'
    )


def content(folder):
    """All that the checkpoints of a folder say, times aside."""
    out = {}
    for path in folder.glob('*.pth'):
        saved = torch.load(path)
        hub = saved.get('message_hub', {}).get('runtime_info', {})
        name = re.sub(r'-[0-9a-f]{8}', '-HASH', path.name)
        out[name] = (
            sorted(saved),
            {k: v.tolist() for k, v in saved['state_dict'].items()},
            [saved.get('meta', {}).get(k) for k in ('epoch', 'iter')],
            hub.get('best_score'),
        )
    return out


ACC = [dict(acc=a, top5=b) for a, b in zip([3, 1, 4, 1, 5, 2], [1, 2] * 3)]


@pytest.mark.parametrize(
    'options',
    [
        dict(interval=1),
        dict(interval=1, max_keep_ckpts=2),
        dict(interval=4, save_last=False),
        dict(interval=2, save_begin=3, filename_tmpl='at_{}_.pth'),
        dict(interval=1, max_keep_ckpts=1, scores=ACC, save_best='acc'),
        dict(interval=4, scores=ACC, save_best='auto', rule='less'),
        dict(interval=1, scores=ACC, save_best=['acc', 'top5'], val=2),
        dict(interval=2, scores=ACC, save_best='acc', by_iter=True),
        dict(interval=3, by_iter=True, max_keep_ckpts=1),
        dict(interval=3, by_epoch=False),
        dict(interval=3, save_optimizer=False, save_param_scheduler=False),
        dict(interval=6, published_keys=['meta', 'state_dict']),
        dict(interval=2, file_client_args=dict(backend='disk')),
        dict(interval=2, backend_args=dict(backend='local')),
    ],
)
def test_every_option_is_mmengines(tmp_path, options):
    folders = tmp_path / 'ours' / 'run', tmp_path / 'mmengines' / 'run'
    hooks = 'AtomicCheckpointHook', 'CheckpointHook'
    for folder, hook in zip(folders, hooks):
        build(config(folder, hook, **options)).train()
    assert files(folders[0]) == files(folders[1])
    assert files(folders[0])
    ours, theirs = map(content, folders)
    # theirs are saved before the validation
    for name in ours:
        assert ours[name][:3] == theirs[name][:3], name
    latest = [(f / 'last_checkpoint').read_text() for f in folders]
    assert os.path.basename(latest[0]) == os.path.basename(latest[1])


def test_another_folder(tmp_path):
    cfg = config(tmp_path / 'run', epochs=2, out_dir=str(tmp_path / 'out'))
    build(dict(cfg)).train()
    assert files(tmp_path / 'out' / 'run') == ['epoch_2.pth']
    cfg['train_cfg']['max_epochs'] = 3
    resumed = build(cfg, resume=True)
    resumed.train()
    assert files(tmp_path / 'out' / 'run') == ['epoch_2.pth', 'epoch_3.pth']


@pytest.mark.parametrize(
    'wrong, message',
    [
        (dict(max_keep_ckpt=2), "no argument 'max_keep_ckpt'"),
        (dict(interval='1'), '`interval` must be an integer'),
    ],
)
def test_a_wrong_option_is_named_before_training(tmp_path, wrong, message):
    with pytest.raises(TypeError, match=message):
        build(config(tmp_path / 'run', epochs=1, **wrong)).train()
    assert not files(tmp_path / 'run')


# -- writing --------------------------------------------------------------


@pytest.fixture
def operations(monkeypatch):
    """Counts what is done to the disk, and kills the run at some point.

    Each operation is killed before it is done; what follows a kill is not
    done either, as nothing follows a SIGKILL.
    """

    class Operations:
        kill_at = None
        dead = False
        done = []

    def guard(owner, name):
        inner = getattr(owner, name)

        def guarded(*args, **kwargs):
            if Operations.dead:
                raise Kill
            if len(Operations.done) == Operations.kill_at:
                Operations.dead = True
                raise Kill
            Operations.done.append((name, *map(str, args)))
            return inner(*args, **kwargs)

        monkeypatch.setattr(owner, name, guarded)

    for name in ('fsync', 'replace', 'remove'):
        guard(os, name)
    Operations.done = []
    return Operations


def test_killed_at_any_operation_a_whole_checkpoint_remains(
    tmp_path, operations
):
    options = dict(
        interval=1, max_keep_ckpts=1, scores=ACC, save_best='acc', epochs=3
    )
    whole = tmp_path / 'whole' / 'run'
    build(config(whole, **options)).train()
    count = len(operations.done)
    names = files(whole)
    assert names == ['best_acc_epoch_3.pth', 'epoch_3.pth']
    expected = content(whole)
    # of the third epoch, which has a new best: both kinds are replaced
    begin = next(
        i
        for i, (name, *args) in enumerate(operations.done)
        if name == 'replace' and args[1].endswith('best_acc_epoch_3.pth')
    )
    assert count - begin > 8
    for kill_at in range(begin - 2, count):
        run = tmp_path / str(kill_at) / 'run'
        operations.done = []
        operations.kill_at = kill_at
        with pytest.raises(Kill):
            build(config(run, **options)).train()
        operations.kill_at, operations.dead = None, False
        # there is always one, and what is called the latest is whole
        latest = (run / 'last_checkpoint').read_text()
        assert damage(latest) is None
        assert (run / 'best_acc_epoch_1.pth').exists() or (
            run / 'best_acc_epoch_3.pth'
        ).exists()
        epoch = torch.load(latest)['meta']['epoch']
        cfg = config(run, **dict(options, scores=ACC[epoch:]))
        build(cfg, resume=True).train()
        assert content(run) == expected
        assert files(run) == names


def test_the_checkpoint_knows_its_validation(tmp_path):
    scores = [dict(acc=value) for value in (1, 3, 2)]
    options = dict(interval=1, scores=scores, save_best='acc', epochs=3)
    build(config(tmp_path / 'run', **options)).train()
    best = [
        torch.load(tmp_path / 'run' / f'epoch_{i}.pth')['message_hub'][
            'runtime_info'
        ]['best_score']
        for i in (1, 2, 3)
    ]
    assert best == [1, 3, 3]


class Stop(Hook):
    """Ends training early, as EarlyStoppingHook does."""

    priority = 'LOWEST'

    def after_val_epoch(self, runner, metrics=None):
        runner.train_loop.stop_training = runner.epoch == 2


@pytest.mark.parametrize('save_last', [True, False])
def test_an_early_end_is_saved(tmp_path, save_last):
    options = dict(interval=5, scores=ACC, save_last=save_last)
    runner = build(config(tmp_path / 'run', **options))
    runner.register_hook(Stop())
    runner.train()
    assert files(tmp_path / 'run') == ['epoch_2.pth'] * save_last


# -- resuming -------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    """A run of which the checkpoints of epochs 1 to 3 are there."""
    folder = tmp_path / 'run'
    build(config(folder, interval=1, epochs=3)).train()
    return folder


def resume(folder, load_from=None, epochs=4):
    runner = build(config(folder, interval=1, epochs=epochs), True, load_from)
    said = []
    runner.logger.info = said.append
    runner.logger.warning = said.append
    epochs = []

    class Epochs(Hook):
        def before_train_epoch(self, runner):
            epochs.append(runner.epoch)

    runner.register_hook(Epochs())
    runner.train()
    return epochs, '\n'.join(map(str, said))


def cut(path, size=None):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2 if size is None else size])


def flip(path):
    """Change one bit of a tensor."""
    data = bytearray(path.read_bytes())
    weight = torch.load(path)['state_dict']['layer.weight']
    data[data.index(weight.numpy().tobytes())] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    'spoil, reason',
    [
        (cut, 'is cut off'),
        (lambda path: cut(path, 0), 'is empty'),
        (lambda path: path.write_bytes(bytes(999)), 'no checkpoint'),
        (flip, 'wrong checksum'),
        (os.remove, 'is missing'),
    ],
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    run, spoil, reason, capsys
):
    spoil(run / 'epoch_3.pth')
    assert resume(run)[0] == [2, 3]
    said = capsys.readouterr()
    said = said.out + said.err
    assert reason in said
    assert 'epoch_3.pth' in said and 'epoch_2.pth is used instead' in said
    assert damage(str(run / 'epoch_3.pth')) is None


def test_no_whole_checkpoint_is_an_error(run):
    for path in run.glob('epoch_*.pth'):
        cut(path)
    with pytest.raises(ValueError, match='epoch_3.*epoch_1.*can be read'):
        resume(run)


def test_a_damaged_one_that_was_named_is_an_error(run):
    cut(run / 'epoch_3.pth')
    with pytest.raises(ValueError, match='epoch_3.pth, is cut off.*another'):
        resume(run, load_from=str(run / 'epoch_3.pth'))


def test_nothing_saved_yet_starts_from_the_beginning(tmp_path):
    epochs, said = resume(tmp_path / 'run', epochs=2)
    assert epochs == [0, 1]
    assert 'starts from the beginning' in said


def test_a_run_whose_pointer_is_lost_goes_on(run):
    (run / 'last_checkpoint').write_text('')
    assert resume(run)[0] == [3]


def test_files_of_an_earlier_longer_run_are_not_taken(run):
    cut(run / 'epoch_2.pth')
    torch.save({}, run / 'epoch_9.pth')
    (run / 'last_checkpoint').write_text(str(run / 'epoch_2.pth'))
    assert resume(run)[0] == [1, 2, 3]


def test_only_checkpoints_of_steps_are_fallen_back_to(run):
    for name in ('best_acc_epoch_2.pth', 'epoch_2-01234567.pth'):
        torch.save({}, run / name)
    cut(run / 'epoch_3.pth')
    assert latest_checkpoint(str(run)) == str(run / 'epoch_2.pth')


def test_hostile_is_not_taken_for_damaged(run):
    marker = run / 'ran'

    class Attack:
        def __reduce__(self):
            return os.system, (f'touch "{marker}"',)

    torch.save(
        dict(torch.load(run / 'epoch_3.pth'), more=Attack()),
        run / 'epoch_3.pth',
    )
    with pytest.raises(pickle.UnpicklingError, match='epoch_3.pth.*system'):
        resume(run)
    # of an old torch: without a table of contents to look at
    torch.save(
        dict(more=Attack()),
        run / 'epoch_3.pth',
        _use_new_zipfile_serialization=False,
    )
    with pytest.raises(pickle.UnpicklingError):
        resume(run)
    assert not marker.exists()


def test_leftovers_are_removed(run):
    for name in ('epoch_4.pth', 'last_checkpoint', 'best_acc_epoch_4.pth'):
        (run / f'{name}{atomic.PARTIAL}').touch()
    resume(run)
    assert not list(run.glob(f'*{atomic.PARTIAL}'))


# -- a pretraining run ----------------------------------------------------


@pytest.fixture(scope='module')
def kill_resume(repo_root):
    """The tool that kills real processes, for its run and its comparison."""
    return load_tool(repo_root / 'tools' / 'dev' / 'kill_resume.py')


@pytest.mark.parametrize(
    'cycle', ['plateau', pytest.param('interval', marks=pytest.mark.slow)]
)
def test_a_run_killed_in_every_phase_ends_like_an_undisturbed_one(
    tmp_path, kill_resume, cycle, monkeypatch
):
    data = tmp_path / 'data.pkl'
    kill_resume.write_data(data)
    hook = kill_resume.VARIANTS[f'{cycle}, fresh workers']['hook']

    def train(folder, resume):
        cfg = kill_resume.make_config(
            folder, data, hook, persistent=False, workers=0
        )
        cfg.experiment_name = f'run{next(_names)}'
        cfg.resume = resume
        runner = Runner.from_cfg(cfg)
        runner.train()
        return kill_resume.final_state(runner)

    whole = train(tmp_path / 'whole', False)
    assert whole['cycle']['cycle'] == 3
    run = tmp_path / 'run'
    for attempt, (owner, name, calls) in enumerate(
        (
            # the first checkpoint, two banks and a best one being saved
            (torch, 'save', 3),
            (kill_resume.MultiViewRanker, 'train_step', 4),
            (kill_resume.ValLoop, 'run_iter', 3),
            (kill_resume.RankLabelHook, 'refresh', 1),
        )
    ):
        with monkeypatch.context() as patch:
            left = [calls]
            inner = getattr(owner, name)

            def killed(*args, inner=inner, left=left, **kwargs):
                left[0] -= 1
                if left[0] < 0:
                    raise Kill
                return inner(*args, **kwargs)

            patch.setattr(owner, name, killed)
            with pytest.raises(Kill):
                train(run, resume=attempt > 0)
    end = train(run, True)
    assert not list(kill_resume.differences(whole, end))
    logs = [kill_resume.logged(folder) for folder in (tmp_path / 'whole', run)]
    assert len(logs[0]) > 50
    assert not list(kill_resume.differences(*logs))
