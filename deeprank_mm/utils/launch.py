"""From command line options to a config.

Each function takes one option and changes the config in place, so that
``tools/train.py`` and ``tools/test.py`` stay a list of options.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from deeprank_mm import compat
from deeprank_mm.engine.hooks.compile_hook import compiler_problem
from deeprank_mm.nested import dicts_in, type_name

from .options import read_config
from .sections import check_sections
from .usage import UsageError, resolve

DEFAULT_SEED = 0
MODALITIES = ('joint', 'bone', 'motion')
# Models with encoders by modality: configs name them by these.
_PRETRAINING = ('MultiViewRanker', 'ClusterClassifier', 'SkeletonCLR')
_AMP_WRAPPERS = ('OptimWrapper', 'AmpOptimWrapper', 'CpuAmpOptimWrapper')


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that training and testing share.

    Args:
        parser: The parser to extend.
    """
    parser.add_argument(
        '--work-dir',
        help='folder of logs, checkpoints and results '
        "(default: the config's, or work_dirs/<folder>/<config>)",
    )
    parser.add_argument(
        '--seed',
        type=int,
        help=f"random seed (default: the config's, or {DEFAULT_SEED})",
    )
    parser.add_argument(
        '--diff-rank-seed',
        action='store_true',
        help='add the rank of the process to the seed',
    )
    parser.add_argument(
        '--deterministic',
        action='store_true',
        help='use deterministic algorithms only',
    )
    parser.add_argument(
        '--modality',
        choices=MODALITIES,
        help='the one modality to generate from the joints; another one than '
        "the config's joins the name of the work folder",
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=_KeyValues,
        help='override settings of the config, as key=value; lists as '
        '\'key="[a,b]"\' or key=a,b',
    )
    parser.add_argument(
        '--launcher',
        choices=('none', 'pytorch', 'slurm', 'mpi'),
        default='none',
        help='what started the processes; pytorch means torchrun',
    )


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the options of :func:`add_common_arguments`.

    Args:
        args: The parsed options, with the path in ``config``.

    Returns:
        The config, with ``work_dir``, ``launcher`` and ``randomness`` set.

    Raises:
        UsageError: The file is missing, or an option does not fit it.
    """
    cfg = read_config(args.config, args.cfg_options)
    check_sections(cfg)
    cfg.launcher = args.launcher
    set_work_dir(cfg, args.work_dir)
    set_seed(cfg, args.seed, args.diff_rank_seed, args.deterministic)
    if args.modality is not None:
        changed = set_modality(cfg, args.modality)
        if changed and args.work_dir is None:
            # The streams of one config must not overwrite each other.
            cfg.work_dir = f'{cfg.work_dir.rstrip("/")}_{args.modality}'
    return cfg


def set_work_dir(cfg: Config, work_dir: str | None) -> None:
    """Choose the work folder: the option, else the config's, else its name.

    Args:
        cfg: The config, changed in place.
        work_dir: The option's value.

    Raises:
        UsageError: The option is empty.
    """
    if work_dir == '':
        raise UsageError('--work-dir needs the name of a folder, got none.')
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        # Recipes share file names across folders (deeprank/x, finetune/x).
        path = Path(cfg.filename).resolve()
        cfg.work_dir = str(Path('work_dirs', path.parent.name, path.stem))


def set_seed(
    cfg: Config,
    seed: int | None,
    diff_rank_seed: bool = False,
    deterministic: bool = False,
) -> None:
    """Fix the seed: the option, else the config's, else 0.

    mmengine draws a new seed when there is none, also on resume. The seed
    in use ends up in the saved config and in every checkpoint.

    Args:
        cfg: The config, changed in place.
        seed: The option's value.
        diff_rank_seed: Add the process's rank to the seed.
        deterministic: Use deterministic algorithms only.

    Raises:
        UsageError: It is no seed.
    """
    randomness = dict(cfg.get('randomness') or {})
    if seed is not None:
        randomness['seed'] = seed
    elif randomness.get('seed') is None:
        randomness['seed'] = DEFAULT_SEED
    seed = randomness['seed']
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UsageError(f'the seed must be an integer, got {seed!r}.')
    if not 0 <= seed < 2**32:
        raise UsageError(f'the seed must be 0 to {2**32 - 1}, got {seed}.')
    if diff_rank_seed:
        randomness['diff_rank_seed'] = True
    if deterministic:
        randomness['deterministic'] = True
    if randomness.get('deterministic'):
        # cuBLAS reads it once, and refuses deterministic mode without it.
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    cfg.randomness = randomness


def set_amp(cfg: Config) -> None:
    """Train in mixed precision: float16 on a GPU, bfloat16 on a CPU.

    Args:
        cfg: The config, changed in place.

    Raises:
        UsageError: The config names an optimiser wrapper of its own.
    """
    if cfg.get('optim_wrapper') is None:
        raise UsageError('--amp: the config has no optim_wrapper.')
    wrapper = cfg.optim_wrapper
    kind = type_name(wrapper.get('type', 'OptimWrapper'))
    if kind not in _AMP_WRAPPERS:
        raise UsageError(
            f'--amp cannot replace optim_wrapper.type={kind!r} of the '
            f'config: it knows {", ".join(_AMP_WRAPPERS)}.'
        )
    if compat.has_accelerator():
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')
        return
    wrapper.type = 'CpuAmpOptimWrapper'
    for gpu_only in ('loss_scale', 'dtype', 'use_fsdp'):
        wrapper.pop(gpu_only, None)


def set_compile(cfg: Config) -> None:
    """Compile the encoders.

    Args:
        cfg: The config, changed in place.

    Raises:
        UsageError: There is no compiler.
    """
    device = 'cuda' if compat.has_accelerator() else 'cpu'
    problem = compiler_problem(device)
    if problem is not None:
        raise UsageError(f'--compile: {problem}, or train without it.')
    hooks = list(cfg.get('custom_hooks') or [])
    if all(type_name(hook.get('type')) != 'CompileHook' for hook in hooks):
        cfg.custom_hooks = [*hooks, dict(type='CompileHook')]


def set_resume(cfg: Config, resume: str | None) -> None:
    """Continue a run from a checkpoint.

    Args:
        cfg: The config, changed in place.
        resume: ``auto`` for the latest checkpoint of the work folder, or the
            path of a checkpoint or of another work folder. None changes
            nothing.

    Raises:
        UsageError: There is no checkpoint at the path.
    """
    if resume is None:
        return
    cfg.resume = True
    if resume == 'auto':
        cfg.load_from = None
        return
    cfg.load_from = resolve('--resume', resume)


def skip_validation(cfg: Config) -> None:
    """Train without validating.

    Args:
        cfg: The config, changed in place.
    """
    cfg.val_cfg = None
    cfg.val_dataloader = None
    cfg.val_evaluator = None


def enable_auto_scale_lr(cfg: Config) -> None:
    """Scale the learning rate by the actual over the intended batch size.

    Args:
        cfg: The config, changed in place.

    Raises:
        UsageError: The config does not say the intended batch size.
    """
    size = (cfg.get('auto_scale_lr') or {}).get('base_batch_size')
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise UsageError(
            '--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=N) in '
            'the config: the batch size its learning rate was chosen for.'
        )
    cfg.auto_scale_lr.enable = True


def set_pretrained(cfg: Config, pretrained: str) -> None:
    """Say which checkpoint the encoder starts from.

    Args:
        cfg: The config, changed in place.
        pretrained: The path of a checkpoint or of a work folder, whose
            latest one is taken; or ``none`` to train from scratch.

    Raises:
        UsageError: The config loads no encoder, or there is no checkpoint.
    """
    hooks = _loaders(cfg)
    if not hooks:
        raise UsageError(
            '--pretrained: the config loads no encoder; it needs '
            "dict(type='LoadEncoderHook', ...) in custom_hooks."
        )
    scratch = pretrained == 'none'
    if not scratch:
        pretrained = resolve('--pretrained', pretrained)
    for hook in hooks:
        hook['checkpoint'] = None if scratch else pretrained
        hook['scratch'] = scratch


def set_modality(cfg: Config, modality: str) -> bool:
    """Make a single-stream config run on another modality.

    Args:
        cfg: The config, changed in place.
        modality: ``joint``, ``bone`` or ``motion``.

    Returns:
        Whether the config used another one before.

    Raises:
        UsageError: No pipeline of the config generates modalities, or it
            trains several at once.
    """
    transforms = [
        node
        for node in dicts_in(cfg._cfg_dict)
        if type_name(node.get('type')) == 'GenerateModalities'
    ]
    if not transforms:
        raise UsageError(
            '--modality: no pipeline of the config has '
            "dict(type='GenerateModalities', ...), which it would change."
        )
    several = [
        node
        for node in dicts_in(cfg._cfg_dict)
        if isinstance(node.get('modalities'), (list, tuple))
        and len(node['modalities']) > 1
    ]
    if several:
        raise UsageError(
            '--modality: the config uses several modalities at once, '
            f'{list(several[0]["modalities"])}; name a single-stream config, '
            'and the checkpoint by --encoder (tools/test.py) or --pretrained '
            '(tools/train.py).'
        )
    before = [node.get('modalities') for node in transforms]
    for node in transforms:
        node['modalities'] = [modality]
    if 'modalities' in (cfg.get('model') or {}):
        cfg.model.modalities = [modality]
    for hook in _loaders(cfg):
        hook['modality'] = modality
    return any(
        names not in ([modality], (modality,), modality) for names in before
    )


def set_checkpoint(
    cfg: Config,
    checkpoint: str | None,
    random_init: str | None,
    encoder: str | None = None,
) -> None:
    """Say what is evaluated: a checkpoint, an encoder, or an untrained one.

    The weights come later (:func:`load_weights`), and from nowhere else:
    what the config says about where training starts is dropped.

    Args:
        cfg: The config, changed in place.
        checkpoint: The path of a checkpoint or of a work folder.
        random_init: ``raw`` for weights as initialised, ``calibrated`` to
            also estimate BatchNorm's statistics on the training data.
        encoder: The path of a checkpoint or of a work folder that holds the
            encoder alone, or a whole model of another kind.

    Raises:
        UsageError: Not exactly one of the three is given, there is no
            checkpoint, the config's test loop cannot calibrate, or its model
            has no encoders.
    """
    if [checkpoint, random_init, encoder].count(None) != 2:
        raise UsageError(
            'name either a checkpoint, or --encoder, or --random-init.'
        )
    cfg.resume = False
    cfg.load_from = None
    if cfg.get('custom_hooks'):
        cfg.custom_hooks = [
            hook for hook in cfg.custom_hooks if not _is_loader(hook)
        ]
    if checkpoint is not None:
        resolve('checkpoint', checkpoint)
    if encoder is not None:
        resolve('--encoder', encoder)
        if type_name(cfg.model.get('type')) not in _PRETRAINING:
            raise UsageError(
                '--encoder: needs a pretraining config, whose model is a '
                f'{" or ".join(_PRETRAINING)} and not a '
                f'{cfg.model.get("type")}.'
            )
    if random_init == 'calibrated':
        if not (cfg.get('test_cfg') or {}).get('type'):
            raise UsageError(
                '--random-init calibrated: the config needs a test loop that '
                "calibrates, test_cfg=dict(type='FeatureTestLoop', ...)."
            )
        cfg.test_cfg.calibrate = True


def dump_predictions(cfg: Config, path: str) -> None:
    """Also save every prediction of the test to a file.

    Args:
        cfg: The config, changed in place.
        path: Where to, ending in ``.pkl`` or ``.pickle``.

    Raises:
        UsageError: The ending is another one.
    """
    if not path.endswith(('.pkl', '.pickle')):
        raise UsageError(f'--dump {path}: must end in .pkl or .pickle.')
    evaluator = cfg.get('test_evaluator') or []
    if isinstance(evaluator, dict):
        evaluator = [evaluator]
    cfg.test_evaluator = [
        *evaluator,
        dict(type='DumpResults', out_file_path=path),
    ]


class _KeyValues(DictAction):
    """mmengine's, but what is no key=value is a usage error."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        try:
            super().__call__(parser, namespace, values, option_string)
        except Exception as error:  # its own parser raises many types
            raise argparse.ArgumentError(
                self, f'{" ".join(values)!r} is not of the form key=value'
            ) from error


def _is_loader(hook: Any) -> bool:
    return (
        isinstance(hook, dict)
        and type_name(hook.get('type')) == 'LoadEncoderHook'
    )


def _loaders(cfg: Config) -> list:
    return [h for h in cfg.get('custom_hooks') or () if _is_loader(h)]
