"""From a finished config to a Runner with its weights."""

from __future__ import annotations

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from deeprank_mm import compat

from .usage import UsageError, resolve


def build_runner(cfg: Config) -> Runner:
    """Build the Runner, also under torchrun on a machine without a GPU.

    Args:
        cfg: The finished config.

    Returns:
        The Runner, ready for ``train`` or ``test``.

    Raises:
        UsageError: The config asks for what the CPU does not have.
    """
    dist_cfg = (cfg.get('env_cfg') or {}).get('dist_cfg') or {}
    try:
        compat.cpu_ddp_cfg(cfg)
        compat.init_cpu_dist(cfg.launcher, timeout=dist_cfg.get('timeout'))
    except (ValueError, RuntimeError) as error:
        raise UsageError(str(error)) from error
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)


def load_weights(runner: Runner, checkpoint: str | None) -> None:
    """Load the weights to evaluate, all of them; or initialise the model.

    mmengine's own way loads what fits and only logs the rest, so that the
    test of a wrong checkpoint silently evaluates random weights.

    Args:
        runner: The built Runner.
        checkpoint: The path of a checkpoint or of a work folder. None:
            initialise the weights as training would.

    Raises:
        UsageError: A tensor is missing, unexpected or differently shaped.
    """
    if checkpoint is None:
        # Only training does this by itself; it also keeps processes equal.
        runner._init_model_weights()
        return
    checkpoint = resolve('checkpoint', checkpoint)
    try:
        runner.load_checkpoint(checkpoint, strict=True)
    except RuntimeError as error:
        raise UsageError(
            f'checkpoint {checkpoint} does not fit the model of the config, '
            f'name the pair that belongs together: {error}'
        ) from error
