"""A checkpoint and its config, which may be the one stored inside it."""

from __future__ import annotations

import ast
import pickle
from typing import Any, Mapping, Optional, Tuple

from mmengine.config import Config

from deeprank_mm.engine.checkpoint_files import read_checkpoint
from deeprank_mm.utils.options import override, read_config
from deeprank_mm.utils.usage import UsageError, resolve

# What a config that mmengine wrote into a checkpoint consists of.
_PLAIN = (
    ast.Module,
    ast.Assign,
    ast.Name,
    ast.Store,
    ast.Load,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.Set,
    ast.Dict,
    ast.keyword,
    ast.UnaryOp,
    ast.USub,
)


def load_run(
    config: Optional[str],
    checkpoint: str,
    cfg_options: Optional[Mapping[str, Any]] = None,
) -> Tuple[Config, dict, str]:
    """Read a checkpoint and the config that belongs to it.

    Args:
        config (str, optional): Path of a config; None for the one that the
            checkpoint was trained with.
        checkpoint (str): A file, URL, or work folder for its latest one.
        cfg_options (Mapping, optional): Settings to override.

    Returns:
        tuple[Config, dict, str]: The config, the checkpoint's content and
        its path.

    Raises:
        UsageError: One of them is missing, asks for code to be run, or the
            checkpoint does not say its config.
    """
    path = resolve('checkpoint', checkpoint)
    try:
        content = read_checkpoint(path)
    except pickle.UnpicklingError as error:
        raise UsageError(f'checkpoint {path}: {error}') from error
    if config is None:
        cfg = stored_config(content, path)
        override(cfg, cfg_options)
    else:
        cfg = read_config(config, cfg_options)
    return cfg, content, path


def stored_config(content: dict, path: str) -> Config:
    """The config inside a checkpoint, which is read and not run.

    Args:
        content (dict): The checkpoint's content.
        path (str): Its path, for messages.

    Returns:
        Config: The config.

    Raises:
        UsageError: There is none, or it is more than plain values.
    """
    text = (content.get('meta') or {}).get('cfg')
    if not isinstance(text, str):
        raise UsageError(
            f'checkpoint {path} does not say its config: name one.'
        )
    try:
        plain = all(map(_is_plain, ast.walk(ast.parse(text))))
    except SyntaxError:
        plain = False
    if not plain:
        raise UsageError(
            f'the config inside of checkpoint {path} is more than plain '
            'values, and is not run: name a config.'
        )
    return Config.fromstring(text, '.py')


def _is_plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return getattr(node.func, 'id', None) == 'dict'
    return isinstance(node, _PLAIN)
