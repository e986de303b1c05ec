"""What the installed upstream versions broke, closed one gap at a time.

Every function here closes ONE gap, does nothing where upstream is whole, and
only ever adds (a stand-in module, an allow-listed type): nothing of upstream
is replaced. :func:`apply` runs the ones that must come before MMAction2's
models are imported; the CPU ones are called by ``tools/``.
"""

from __future__ import annotations

import ast
import atexit
import datetime
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import pickle
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable

import numpy as np
import torch
from torch import distributed as torch_dist

if TYPE_CHECKING:
    from mmengine.config import Config

# What `HistoryBuffer` keeps as references to its own functions.
_HISTORY_STATISTICS = ('min', 'max', 'current', 'mean')
_TORCHRUN_VARIABLES = (
    'RANK',
    'LOCAL_RANK',
    'WORLD_SIZE',
    'MASTER_ADDR',
    'MASTER_PORT',
)


def apply() -> None:
    """Close every gap that must be closed before MMAction2 is imported.

    Calling it again changes nothing.

    Raises:
        ImportError: Neither ``mmcv`` nor ``mmcv-lite`` is installed.
    """
    require_mmcv()
    add_importlib_metadata()
    add_localizers_drn()
    add_multimodal_vindlu()
    allow_mmengine_checkpoints()


def require_mmcv() -> None:
    """Say what to install when MMCV is missing.

    ``mmcv`` and ``mmcv-lite`` provide the same module, so neither can be a
    hard requirement of this package without breaking users of the other.

    Raises:
        ImportError: Neither of them is installed.
    """
    if importlib.util.find_spec('mmcv') is None:
        raise ImportError(
            'deeprank_mm needs MMCV, which is not installed: install '
            '"deeprank-mm[lite]" (pure Python, enough for skeletons) or '
            '"deeprank-mm[full]" (compiled operators).'
        )


def add_importlib_metadata() -> None:
    """Offer the standard library's module where the backport is missing.

    MMAction2 1.2.0 imports ``importlib_metadata`` without declaring it. The
    two names it uses are the same in ``importlib.metadata``.
    """
    if 'importlib_metadata' in sys.modules:
        return
    if importlib.util.find_spec('importlib_metadata') is None:
        sys.modules['importlib_metadata'] = importlib.metadata


def add_localizers_drn() -> None:
    """Stand in for a module that the MMAction2 1.2.0 wheel forgot.

    Its ``mmaction.models.localizers`` imports ``.drn.drn``, but the wheel
    does not hold that folder (open-mmlab/mmaction2 issue 2714), so that
    ``import mmaction.models`` fails. The stand-in lets the import pass;
    building a ``DRN``, a video localizer, raises.
    """
    import mmaction

    name = 'mmaction.models.localizers.drn'
    if name in sys.modules:
        return
    # `find_spec` would import the broken parent: look at the files instead.
    folder = Path(mmaction.__path__[0], 'models', 'localizers')
    init = folder / '__init__.py'
    if (folder / 'drn' / 'drn.py').exists() or not init.exists():
        return
    if '.drn.drn' not in init.read_text(encoding='utf-8'):
        return  # 1.1 has no DRN, and does not ask for one

    class DRN:
        """Stand-in for ``DRN``, which this MMAction2 was packed without."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise ImportError(
                'The installed MMAction2 was published without '
                'mmaction/models/localizers/drn (issue 2714), so DRN cannot '
                'be built: install MMAction2 from its source repository.'
            )

    DRN.__module__ = f'{name}.drn'
    package = _empty_module(name, is_package=True)
    module = _empty_module(f'{name}.drn')
    package.drn = module
    module.DRN = DRN
    sys.modules[name] = package
    sys.modules[f'{name}.drn'] = module


def add_multimodal_vindlu() -> None:
    """Stand in for video-text models that a newer ``transformers`` broke.

    Where ``transformers`` is installed, MMAction2 1.2.0 imports its VindLU,
    which asks for names that later versions no longer have, so that
    ``import mmaction.models`` fails for users who never touch VindLU. The
    stand-in lets the import pass, without registering the models.
    """
    import mmaction

    name = 'mmaction.models.multimodal.vindlu'
    folder = Path(mmaction.__path__[0], 'models', 'multimodal', 'vindlu')
    if name in sys.modules or not folder.exists():
        return
    if importlib.util.find_spec('transformers') is None:
        return  # MMAction2 leaves VindLU out by itself
    if all(map(_imports_from_transformers, sorted(folder.glob('*.py')))):
        return
    sys.modules[name] = _empty_module(name, is_package=True)


def _imports_from_transformers(path: Path) -> bool:
    """Whether the installed ``transformers`` has what this module imports."""
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        if (node.module or '').split('.')[0] != 'transformers':
            continue
        try:
            module = importlib.import_module(node.module)
            for alias in node.names:
                getattr(module, alias.name)
        except (ImportError, AttributeError):
            return False
    return True


def _empty_module(name: str, is_package: bool = False) -> ModuleType:
    module = ModuleType(name, 'Stand-in added by deeprank_mm.compat.')
    # Without a spec, `importlib.util.find_spec(name)` raises.
    module.__spec__ = importlib.machinery.ModuleSpec(
        name, None, is_package=is_package
    )
    if is_package:
        module.__path__ = []
    return module


def allow_mmengine_checkpoints() -> None:
    """Let ``torch.load`` read what mmengine's Runner saves.

    Since 2.6 torch loads with ``weights_only=True`` and refuses every type
    that it does not know; mmengine's checkpoints hold a message hub, made of
    ``HistoryBuffer`` objects and numpy numbers. The safe loading stays on:
    only these types are added to its list. Earlier versions of torch load
    everything, and have no list to add to.
    """
    if torch.__version__ < torch.torch_version.TorchVersion('2.6'):
        return
    from mmengine.logging import HistoryBuffer

    numeric = '?' + np.typecodes['AllInteger'] + np.typecodes['Float']
    allowed: list = [HistoryBuffer, np.ndarray, np.dtype]
    allowed += {type(np.dtype(code)) for code in numeric}
    # Taken from the objects themselves, and allowed under both of their
    # names: numpy 2 moved the module, checkpoints keep the name they had.
    for function in (
        np.empty(0).__reduce__()[0],
        np.float64(0).__reduce__()[0],
    ):
        for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
            allowed.append((function, f'{module}.{function.__name__}'))
    allowed.append((guarded_getattr, 'builtins.getattr'))
    torch.serialization.add_safe_globals(allowed)


def guarded_getattr(obj: Any, name: str) -> Callable:
    """Stand in for ``getattr`` while a checkpoint is being read.

    A pickled ``HistoryBuffer`` refers to its own statistics functions by
    ``getattr(HistoryBuffer, name)``. The real ``getattr`` would hand a
    hostile file the way to any object, so that this one admits nothing else.

    Args:
        obj: The object whose attribute the checkpoint asks for.
        name: The attribute's name.

    Returns:
        One of the four statistics functions of ``HistoryBuffer``.

    Raises:
        pickle.UnpicklingError: The checkpoint asks for anything else.
    """
    from mmengine.logging import HistoryBuffer

    if obj is not HistoryBuffer or name not in _HISTORY_STATISTICS:
        raise pickle.UnpicklingError(
            f'The checkpoint asks for the attribute {name!r} of {obj!r}, '
            'which no MMEngine checkpoint needs: refused, the file may be '
            'hostile.'
        )
    return getattr(HistoryBuffer, name)


def has_accelerator() -> bool:
    """Whether mmengine will put the model on something else than the CPU."""
    from mmengine.device import get_device

    return get_device() != 'cpu'


def init_cpu_dist(launcher: str, timeout: int | None = None) -> bool:
    """Join the process group over gloo when torchrun runs without a GPU.

    mmengine's own initialisation calls ``torch.cuda.set_device``, which
    raises on such a machine; it is skipped when a group exists already. Call
    this before the Runner is built.

    Args:
        launcher: The launcher's name, as in ``--launcher``.
        timeout: Seconds a process waits for the others. None: torch's own.

    Returns:
        Whether the group was initialised here.

    Raises:
        RuntimeError: torchrun's environment variables are missing.
    """
    if (
        launcher != 'pytorch'
        or torch_dist.is_initialized()
        or has_accelerator()
    ):
        return False
    missing = [key for key in _TORCHRUN_VARIABLES if key not in os.environ]
    if missing:
        raise RuntimeError(
            "launcher='pytorch' was asked for, but "
            f'{", ".join(missing)} is not set in the environment: start the '
            'command by torchrun, or by tools/dist_train.sh.'
        )
    kwargs = {}
    if timeout is not None:
        kwargs['timeout'] = datetime.timedelta(seconds=timeout)
    torch_dist.init_process_group('gloo', **kwargs)
    return True


def leave_dist() -> None:
    """End a process of a gloo group, the last statement of a tool.

    gloo's threads may still be releasing the last results, for which they
    need Python's lock. An interpreter that is torn down meanwhile aborts,
    after all of its work, and whoever destroys the group holds the lock and
    waits for them. So threads, exit handlers and streams are finished as at
    any end, and the rest is left to the system, as by the processes of
    :mod:`multiprocessing`: files that are still open are not flushed.
    Without such a group this does nothing. A run that fails is torn down, and
    its exit code says no more than that it failed.
    """
    if not torch_dist.is_initialized() or torch_dist.get_backend() != 'gloo':
        return
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as of a process without a console
            stream.flush()
    os._exit(0)


def cpu_ddp_cfg(cfg: Config) -> None:
    """Wrap the model without a device list when there is no GPU.

    mmengine passes ``device_ids=[local rank]`` to DistributedDataParallel,
    which refuses them for a model on the CPU. A ``model_wrapper_cfg`` that
    the user wrote is kept as it is.

    Args:
        cfg: The run's config; ``launcher`` is already set. Changed in place.

    Raises:
        ValueError: The config asks for synchronised BatchNorm, which torch
            has on GPUs only.
    """
    if cfg.get('launcher', 'none') == 'none' or has_accelerator():
        return
    if cfg.get('sync_bn') is not None:
        raise ValueError(
            f'sync_bn={cfg.sync_bn!r} needs GPUs and this machine has none: '
            'set it to None (--cfg-options sync_bn=None).'
        )
    if cfg.get('model_wrapper_cfg') is None:
        cfg.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel',
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
