"""From a finished config to a Runner with its weights."""

from __future__ import annotations

import os
import pickle
import tempfile

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from deeprank_mm import compat
from deeprank_mm.engine.checkpoint_files import check_safe
from deeprank_mm.engine.encoder_weights import load_encoder
from deeprank_mm.engine.extraction import unwrap
from deeprank_mm.engine.skeleton_record import skeleton_of

from .usage import UsageError, resolve


def build_runner(cfg: Config) -> Runner:
    """Build the Runner, also under torchrun on a machine without a GPU.

    Args:
        cfg: The finished config.

    Returns:
        The Runner, ready for ``train`` or ``test``.

    Raises:
        UsageError: The config asks for what the CPU does not have, or
            nothing can be written to its work folder.
    """
    dist_cfg = (cfg.get('env_cfg') or {}).get('dist_cfg') or {}
    try:
        compat.cpu_ddp_cfg(cfg)
        compat.init_cpu_dist(cfg.launcher, timeout=dist_cfg.get('timeout'))
    except (ValueError, RuntimeError) as error:
        raise UsageError(str(error)) from error
    _check_writable(cfg.work_dir)
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)


def _check_writable(folder: str) -> None:
    """Say now what the first checkpoint would otherwise fail of."""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f'nothing can be written to the work folder {folder} '
            f'({error.strerror}): name another one by --work-dir.'
        ) from error


def load_weights(runner: Runner, checkpoint: str | None) -> None:
    """Load the weights to evaluate, all of them; or initialise the model.

    mmengine's own way loads what fits and only logs the rest, so that the
    test of a wrong checkpoint silently evaluates random weights.

    Args:
        runner: The built Runner.
        checkpoint: The path of a checkpoint or of a work folder. None:
            initialise the weights as training would.

    Raises:
        UsageError: A tensor is missing, unexpected or differently shaped,
            or the file asks for code to be run.
    """
    if checkpoint is None:
        # Only training does this by itself; it also keeps processes equal.
        runner._init_model_weights()
        return
    checkpoint = resolve('checkpoint', checkpoint)
    try:
        check_safe(checkpoint)
        runner.load_checkpoint(checkpoint, strict=True)
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f'checkpoint {checkpoint} does not fit the model of the config, '
            f'name the pair that belongs together: {error}'
        ) from error
    except pickle.UnpicklingError as error:
        raise UsageError(f'checkpoint {checkpoint}: {error}') from error


def load_encoders(runner: Runner, checkpoint: str) -> None:
    """Load a pretraining model's encoders from a checkpoint of any kind.

    The heads stay as they are: evaluation of features does not use them.

    Args:
        runner: The built Runner, of a :class:`.ModalityEncoders`.
        checkpoint: The path of a checkpoint or of a work folder.

    Raises:
        UsageError: The checkpoint lacks an encoder that the model has, or
            its weights do not fit.
    """
    path = resolve('--encoder', checkpoint)
    ranker = unwrap(runner.model)
    skeleton = skeleton_of(runner.cfg)
    several = len(ranker.modalities) > 1
    for modality, encoder in ranker.encoders.items():
        try:
            done = load_encoder(
                encoder,
                path,
                modality,
                # one encoder for all streams would be right for none
                kind='ranker' if several else None,
                skeleton=skeleton,
            )
        except (ValueError, pickle.UnpicklingError) as error:
            advice = (
                ' The config evaluates several streams: for an encoder of '
                'one, name a single-stream config, and --modality.'
            )
            raise UsageError(
                f'--encoder: {error}{advice if several else ""}'
            ) from error
        runner.logger.info(done)
