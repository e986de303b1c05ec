"""Kill pretraining runs at random moments, resume them, compare the ends.

Each trial starts a small run, kills its process with SIGKILL in a training
step, a label refresh, a validation or a checkpoint write, resumes it to its
end, and compares with the run that nobody disturbed: weights, banks, labels,
cycle, plateau, optimiser, schedulers, message hub, files and logged values
must be equal bit for bit, times aside. Runs are forked from this process,
which has imported everything already.
"""

from __future__ import annotations

import argparse
import copy
import functools
import gc
import json
import os
import pickle
import random
import select
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner, ValLoop
from rich.progress import track

import deeprank_mm  # noqa: F401  (registers the components)
from deeprank_mm.engine import AtomicCheckpointHook, RankLabelHook
from deeprank_mm.models import MultiViewRanker
from deeprank_mm.ranking import pairwise_distance

PHASES = ('step', 'refresh', 'validation', 'checkpoint')
# how many refreshes must lie behind a kill
REFRESHES = 2
# what a run measures of time and memory, equal in no two runs
TIMES = ('time', 'data_time', 'memory', 'seconds')
VARIANTS = {
    f'{cycle}, {workers} workers': dict(
        hook=hook, persistent=workers == 'persistent'
    )
    for cycle, hook in (
        ('interval', dict(interval=2)),
        ('plateau', dict(patience=1, min_delta=10.0, max_cycles=4)),
    )
    for workers in ('persistent', 'fresh')
}
_LAYOUT = dict(num_node=5, inward=[(0, 1), (2, 1), (3, 1), (4, 1)], center=1)
_TIMEOUT = 300


# -- the run --------------------------------------------------------------


def write_data(path: Path) -> None:
    """Write random walks of five joints as an annotation file.

    Args:
        path: Where to.
    """
    rng = np.random.default_rng(0)
    annotations = []
    for i in range(15):
        steps = rng.normal(size=(1, 12, 5, 3)).astype(np.float32)
        annotations.append(
            dict(
                frame_dir=f'clip{i:02d}',
                label=i % 2,
                subject=i % 5,
                keypoint=steps.cumsum(1),
                total_frames=12,
            )
        )
    path.write_bytes(pickle.dumps(annotations))


def make_config(
    folder: Path, data: Path, hook: dict, persistent: bool, workers: int
) -> Config:
    """A pretraining run of some seconds that uses all there is to lose.

    Dropout draws in the training process and augmentation in the workers;
    momentum, two schedulers, a best score and the plateau have states.

    Args:
        folder: Work directory.
        data: Annotation file.
        hook: Arguments of ``RankLabelHook``.
        persistent: Whether workers outlive an epoch.
        workers: How many.

    Returns:
        The config.
    """

    def loader(part: str, crop: Any, shuffle: bool) -> dict:
        pipeline = [
            dict(type='TemporalCropResize', length=8, crop=crop, min_frames=4),
            dict(type='GenerateModalities', layout=_LAYOUT),
            dict(type='FormatGCNInput', num_person=1),
            dict(type='PackActionInputs', meta_keys=('sample_id',)),
        ]
        return dict(
            batch_size=4,
            num_workers=workers,
            persistent_workers=persistent and workers > 0,
            sampler=dict(type='DefaultSampler', shuffle=shuffle),
            dataset=dict(
                type='SkeletonDataset',
                ann_file=str(data),
                pipeline=pipeline,
                holdout=dict(part=part, fraction=0.3),
                test_mode=part == 'holdout',
            ),
        )

    encoder = dict(
        type='STGCN',
        graph_cfg=dict(layout=_LAYOUT, mode='stgcn_spatial'),
        base_channels=4,
        num_stages=2,
        inflate_stages=[2],
        down_stages=[2],
        tcn_dropout=0.3,
    )
    head = dict(type='TripletRankingHead', in_channels=8, hidden_channels=6)
    return Config(
        dict(
            default_scope='mmaction',
            work_dir=str(folder),
            model=dict(type='MultiViewRanker', encoder=encoder, head=head),
            train_dataloader=loader('train', (0.5, 1.0), True),
            val_dataloader=loader('holdout', 0.95, False),
            train_cfg=dict(
                type='EpochBasedTrainLoop', max_epochs=6, val_interval=1
            ),
            val_cfg=dict(type='ValLoop'),
            val_evaluator=[dict(type='RankingMetric', block_size=8)],
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=0.2, momentum=0.9)
            ),
            param_scheduler=[
                dict(type='LinearLR', start_factor=0.5, by_epoch=False, end=9),
                dict(type='MultiStepLR', by_epoch=True, milestones=[4]),
            ],
            custom_hooks=[dict(type='RankLabelHook', **hook)],
            default_hooks=dict(
                checkpoint=dict(
                    type='AtomicCheckpointHook',
                    interval=1,
                    max_keep_ckpts=2,
                    save_best='ranking/loss',
                    rule='less',
                ),
                logger=dict(type='LoggerHook', interval=1),
                epoch_seed=dict(type='EpochSeedHook'),
            ),
            # a folder for each attempt, in the order of their names
            visualizer=dict(
                type='Visualizer',
                save_dir=str(folder / f'attempt_{time.time_ns()}'),
                vis_backends=[dict(type='LocalVisBackend')],
            ),
            env_cfg=dict(mp_cfg=dict(mp_start_method='fork')),
            log_level='WARNING',
            randomness=dict(seed=0),
        )
    )


def final_state(runner: Runner) -> dict:
    """All that two equal runs must have in common at their end.

    Args:
        runner: After ``train``.

    Returns:
        A dict that ``torch.load`` reads with ``weights_only=True``.
    """
    hook = next(h for h in runner.hooks if isinstance(h, RankLabelHook))
    ranker = runner.model
    work_dir = Path(runner.work_dir)
    banks = dict(train=ranker.train_bank, val=ranker.val_bank)
    hub = runner.message_hub
    return dict(
        weights=ranker.state_dict(),
        banks={k: dict(ids=b.ids, **b.features) for k, b in banks.items()},
        labels={k: _labels(b.features) for k, b in banks.items()},
        cycle=dict(
            cycle=hook.cycle,
            started=hook.started,
            stable=hook.stable,
            plateau=hook.plateau.state_dict(),
        ),
        optimizer=runner.optim_wrapper.state_dict(),
        schedulers=[s.state_dict() for s in runner.param_schedulers],
        progress=[runner.epoch, runner.iter],
        best_score=hub.get_info('best_score'),
        history={
            key: [list(map(float, part)) for part in buffer.data]
            for key, buffer in hub.log_scalars.items()
            if isinstance(buffer, HistoryBuffer) and not _is_time(key)
        },
        files=sorted(
            str(path.relative_to(work_dir))
            for path in work_dir.glob('**/*')
            if path.parent.name in (work_dir.name, 'banks')
            and path.suffix in ('.pth', '.partial')
        ),
        latest=Path((work_dir / 'last_checkpoint').read_text()).name,
    )


def _labels(features: Dict[str, torch.Tensor]) -> torch.Tensor:
    """For every anchor and two candidates, which one is closer."""
    distances = pairwise_distance(features['joint'])
    return distances[:, :, None] < distances[:, None, :]


def _is_time(key: str) -> bool:
    return key.rpartition('/')[2] in TIMES


def logged(folder: Path) -> Dict[str, float]:
    """What the attempts at a run have logged; the last write counts.

    Args:
        folder: The run's work directory.

    Returns:
        Values by ``'{name}@{step}'``, times aside.
    """
    values = {}
    for path in sorted(folder.glob('attempt_*/vis_data/scalars.json')):
        lines = path.read_text().splitlines(keepends=True)
        for line in lines:
            if not line.endswith('\n'):
                continue  # cut off by the kill
            record = json.loads(line)
            step = record.pop('step')
            for name, value in record.items():
                if not _is_time(name):
                    values[f'{name}@{step}'] = value
    return values


# -- the process that is killed -------------------------------------------


class Marks:
    """Says through a pipe when the run enters and leaves a phase.

    Args:
        out: Descriptor to write to.
        back: Descriptor to read from, at the armed mark.
        armed: ``(phase, occurrence)`` at which to wait for the killer, so
            that its clock starts with the phase.
    """

    def __init__(
        self, out: int, back: int, armed: Optional[Sequence] = None
    ) -> None:
        self.out = out
        self.back = back
        self.armed = None if armed is None else tuple(armed)
        self.depth = dict.fromkeys(PHASES, 0)
        self.count = dict.fromkeys(PHASES, 0)

    def install(self) -> None:
        """Mark the phases, in this process."""
        for owner, name, phase in (
            (MultiViewRanker, 'train_step', 'step'),
            (RankLabelHook, 'refresh', 'refresh'),
            (ValLoop, 'run', 'validation'),
            (AtomicCheckpointHook, '_save_checkpoint_with_step', 'checkpoint'),
            (Runner, 'save_checkpoint', 'checkpoint'),
        ):
            setattr(owner, name, self._marked(getattr(owner, name), phase))

    def _marked(self, inner: Callable, phase: str) -> Callable:
        @functools.wraps(inner)
        def marked(*args: Any, **kwargs: Any) -> Any:
            self.depth[phase] += 1
            outermost = self.depth[phase] == 1
            if outermost:
                self._say('enter', phase)
                if self.armed == (phase, self.count[phase]):
                    os.read(self.back, 1)
                self.count[phase] += 1
            try:
                return inner(*args, **kwargs)
            finally:
                self.depth[phase] -= 1
                if outermost:
                    self._say('leave', phase)

        return marked

    def _say(self, what: str, phase: str) -> None:
        line = f'{time.perf_counter_ns()} {what} {phase}\n'
        os.write(self.out, line.encode())


class Child:
    """A run in a process of its own.

    Args:
        cfg: The run's config.
        output: File that takes what the process prints, and its final state
            (with ``.pth``) when it comes to its end.
        armed: See :class:`Marks`.
    """

    def __init__(
        self, cfg: Config, output: Path, armed: Optional[Sequence] = None
    ) -> None:
        self.output = output
        self.text = b''
        self._marks, out = os.pipe()
        back, self._go = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._marks)
            os.close(self._go)
            _child_main(cfg, output, Marks(out, back, armed))
        os.close(out)
        os.close(back)

    def kill(self, armed: Sequence, delay: float) -> bool:
        """Wait for the armed mark, then a while, then send SIGKILL.

        Args:
            armed: As given to the constructor.
            delay: Seconds.

        Returns:
            Whether it was that which ended the run.
        """
        phase, occurrence = armed
        entered = f' enter {phase}\n'.encode()
        while self.text.count(entered) <= occurrence:
            self._read(_TIMEOUT)
        os.write(self._go, b'!')
        time.sleep(delay)
        os.kill(self.pid, signal.SIGKILL)
        return self._close() == -signal.SIGKILL

    def wait(self) -> None:
        """Let the run come to its end.

        Raises:
            RuntimeError: If it does not.
        """
        if self._close() != 0:
            raise RuntimeError(
                f'A run failed, see {self.output}:\n'
                f'{self.output.read_text()[-3000:]}'
            )

    def _read(self, timeout: float) -> bool:
        """Take what the run has said; False if it says nothing more."""
        if not select.select([self._marks], [], [], timeout)[0]:
            if timeout:
                os.kill(self.pid, signal.SIGKILL)
                raise RuntimeError(f'A run hangs, see {self.output}.')
            return False
        part = os.read(self._marks, 1 << 16)
        self.text += part
        if not part and timeout:
            self.wait()
            raise RuntimeError(f'A run ended too early, see {self.output}.')
        return bool(part)

    def _close(self) -> int:
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        # workers that outlive the run for seconds keep the pipe open
        while self._read(0):
            pass
        os.close(self._marks)
        os.close(self._go)
        return status

    def events(self) -> List[dict]:
        """The phases in the order in which they were entered.

        Returns:
            Of each its ``phase``, its ``occurrence``, how many ``refreshes``
            were over by then, and how long it took (``seconds``, None if it
            did not end).
        """
        events: List[dict] = []
        open_events: List[dict] = []
        count = dict.fromkeys(PHASES, 0)
        refreshes = 0
        for line in self.text.decode().splitlines():
            now, what, phase = line.split()
            if what == 'enter':
                event = dict(
                    phase=phase,
                    occurrence=count[phase],
                    refreshes=refreshes,
                    begin=int(now),
                    seconds=None,
                )
                count[phase] += 1
                events.append(event)
                open_events.append(event)
            else:
                event = open_events.pop()
                event['seconds'] = (int(now) - event['begin']) / 1e9
                refreshes += phase == 'refresh'
        return events


def _child_main(cfg: Config, output: Path, marks: Marks) -> None:
    """Train in this process, and leave it."""
    status = 1
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        marks.install()
        runner = Runner.from_cfg(cfg)
        runner.train()
        torch.save(final_state(runner), output.with_suffix('.pth'))
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def prepare() -> None:
    """Make this process one that short runs can be forked from."""
    import mmengine.config.config
    import mmengine.runner.runner
    import torch._dynamo  # noqa: F401  (the first optimiser would import it)

    # forked processes must not wait for threads that only the parent had
    torch.set_num_threads(1)
    # formatting the config, for each checkpoint, and looking for compilers
    # take several times longer than all the rest of such a run
    mmengine.config.config.FormatCode = lambda text, **_: (text, True)
    mmengine.runner.runner.collect_env = dict
    # what is there now need not be looked through, nor copied, by each fork
    gc.freeze()


# -- the trials -----------------------------------------------------------


class Reference:
    """The run that nobody disturbs.

    Args:
        folder: Where its files go.
        variant: A value of :data:`VARIANTS`.
        workers: Worker processes.
    """

    def __init__(self, folder: Path, variant: dict, workers: int) -> None:
        self.folder = folder
        self.variant = variant
        self.workers = workers
        self.data = folder / 'data.pkl'
        folder.mkdir(parents=True)
        write_data(self.data)
        child = self.start(folder / 'run', folder / 'whole.log')
        child.wait()
        self.final = load_final(child.output)
        self.logged = logged(folder / 'run')
        self.events = child.events()

    def start(
        self,
        work_dir: Path,
        output: Path,
        armed: Optional[Sequence] = None,
        resume: bool = False,
    ) -> Child:
        """Start a run of this variant.

        Args:
            work_dir: Its work directory.
            output: See :class:`Child`.
            armed: See :class:`Marks`.
            resume: Whether to resume.

        Returns:
            The started run.
        """
        cfg = make_config(
            work_dir, self.data, workers=self.workers, **self.variant
        )
        cfg.resume = resume
        return Child(cfg, output, armed)

    def targets(self, phase: str) -> List[dict]:
        """The events of a phase that lie late enough to be killed in.

        Args:
            phase: One of :data:`PHASES`.

        Returns:
            Of :meth:`Child.events`.
        """
        return [
            event
            for event in self.events
            if event['phase'] == phase
            and event['refreshes'] >= REFRESHES
            # not what is put off at once
            and event['seconds'] > 1e-3
        ]


def load_final(output: Path) -> dict:
    """The final state of a run that came to its end.

    Args:
        output: As given to :class:`Child`.

    Returns:
        See :func:`final_state`.
    """
    return torch.load(output.with_suffix('.pth'), weights_only=True)


def run_trial(
    reference: Reference, folder: Path, target: dict, delay: float
) -> Optional[dict]:
    """Kill, resume, compare.

    Args:
        reference: The undisturbed run.
        folder: Where the trial's files go.
        target: Event of the reference to kill in.
        delay: Seconds from the event's beginning to the kill.

    Returns:
        ``phase`` of the kill as the run's own marks say it, how many
        ``refreshes`` lay behind, and the ``differences``. None if the run
        ended before it was killed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    work_dir = folder / 'run'
    armed = target['phase'], target['occurrence']
    child = reference.start(work_dir, folder / 'killed.log', armed)
    if not child.kill(armed, delay):
        return None
    (folder / 'marks.log').write_bytes(child.text)
    events = child.events()
    inside = [event for event in events if event['seconds'] is None]
    resumed = reference.start(work_dir, folder / 'resumed.log', resume=True)
    resumed.wait()
    return dict(
        aimed=target['phase'],
        phase=inside[-1]['phase'] if inside else 'between',
        refreshes=sum(
            e['phase'] == 'refresh' and e['seconds'] is not None
            for e in events
        ),
        delay=delay,
        differences=[
            *differences(reference.final, load_final(resumed.output)),
            *differences(reference.logged, logged(work_dir), 'logged'),
        ],
    )


def differences(one: Any, two: Any, path: str = '') -> Iterator[str]:
    """Where two states are not equal bit for bit.

    Args:
        one: Nested containers of tensors and plain values.
        two: What to compare with.
        path: Their place in what holds them.

    Yields:
        The place and the values.
    """
    if type(one) is not type(two):
        yield f'{path}: {type(one).__name__}, {type(two).__name__}'
    elif isinstance(one, dict):
        for key in one.keys() | two.keys():
            if key not in one or key not in two:
                yield f'{path}/{key}: only in one'
            else:
                yield from differences(one[key], two[key], f'{path}/{key}')
    elif isinstance(one, (list, tuple)):
        if len(one) != len(two):
            yield f'{path}: {len(one)} and {len(two)} items'
        for i, pair in enumerate(zip(one, two)):
            yield from differences(*pair, f'{path}/{i}')
    elif isinstance(one, torch.Tensor):
        if one.dtype != two.dtype or not torch.equal(one, two):
            yield f'{path}: tensors differ'
    elif one != two:
        yield f'{path}: {one!r}, {two!r}'


def run_trials(
    folder: Path, trials: int, workers: int, seed: int
) -> List[dict]:
    """Run trials that aim at the phase that has been hit least often.

    Args:
        folder: Where files go; those of equal trials are deleted.
        trials: How many.
        workers: Worker processes of each run.
        seed: Of the moments.

    Returns:
        Results of :func:`run_trial`, each with its ``variant``.
    """
    prepare()
    draw = random.Random(seed)
    references = {
        name: Reference(
            folder / name.replace(', ', '_').replace(' ', '_'),
            copy.deepcopy(variant),
            workers,
        )
        for name, variant in VARIANTS.items()
    }
    hits = dict.fromkeys((*PHASES, 'between'), 0)
    results = []
    for number in track(range(trials), 'Trials'):
        phase = min(PHASES, key=hits.__getitem__)
        variant = list(VARIANTS)[number % len(VARIANTS)]
        trial = folder / f'trial_{number:03d}'
        result = None
        while result is None:
            target = draw.choice(references[variant].targets(phase))
            delay = draw.random() * target['seconds']
            result = run_trial(references[variant], trial, target, delay)
        result['variant'] = variant
        hits[result['phase']] += 1
        results.append(result)
        if not result['differences']:
            shutil.rmtree(trial / 'run')
    return results


def summary(results: Sequence[dict]) -> Dict[str, Dict[str, int]]:
    """Count the results.

    Args:
        results: From :func:`run_trials`.

    Returns:
        For each phase of the kill how many trials there were (``total``) and
        how many ended like the undisturbed run (``identical``).
    """
    table = {
        phase: dict(identical=0, total=0) for phase in (*PHASES, 'between')
    }
    for result in results:
        table[result['phase']]['total'] += 1
        table[result['phase']]['identical'] += not result['differences']
    return table


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the tool.

    Args:
        argv: The command line's arguments.

    Returns:
        1 if a run ended otherwise than the undisturbed one, or a phase was
        hit in less than a tenth of the trials.
    """
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--trials', type=int, default=100)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument(
        '--seed', type=int, default=0, help='of the moments of the kills'
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        help='new folder for summary.json, and for the marks of each trial',
    )
    args = parser.parse_args(argv)
    if args.out.exists():
        parser.error(f'--out {args.out} exists already: name a new folder.')
    begin = time.time()
    results = run_trials(args.out, args.trials, args.workers, args.seed)
    table = summary(results)
    fewest = min(result['refreshes'] for result in results)
    print(f'{"killed in":12} identical / trials')
    for phase, row in table.items():
        print(f'{phase:12} {row["identical"]:9} / {row["total"]}')
    identical = sum(row['identical'] for row in table.values())
    print(f'{"all":12} {identical:9} / {len(results)}')
    print(
        f'At least {fewest} refreshes behind each kill; '
        f'{time.time() - begin:.0f} s.'
    )
    args.out.joinpath('summary.json').write_text(
        json.dumps(
            dict(
                options={k: str(v) for k, v in vars(args).items()},
                phases=table,
                fewest_refreshes=fewest,
                trials=results,
            ),
            indent=1,
        )
    )
    for number, result in enumerate(results):
        for difference in result['differences'][:5]:
            print(f'trial {number} ({result["variant"]}): {difference}')
    rare = [p for p in PHASES if table[p]['total'] < args.trials // 10]
    if rare:
        print(f'Too few kills in: {", ".join(rare)}.')
    return int(identical < len(results) or fewest < REFRESHES or bool(rare))


if __name__ == '__main__':
    sys.exit(main())
