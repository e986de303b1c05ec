"""The sections of a config are of the kind that everybody expects."""

from __future__ import annotations

from mmengine.config import Config

from .usage import UsageError

_KINDS = {
    'a dict': (dict,),
    'a list': (list, tuple),
    'a dict or a list': (dict, list, tuple),
    'a text': (str,),
}
_SECTIONS = {
    'model': 'a dict',
    'train_dataloader': 'a dict',
    'val_dataloader': 'a dict',
    'test_dataloader': 'a dict',
    'train_cfg': 'a dict',
    'val_cfg': 'a dict',
    'test_cfg': 'a dict',
    'optim_wrapper': 'a dict',
    'param_scheduler': 'a dict or a list',
    'val_evaluator': 'a dict or a list',
    'test_evaluator': 'a dict or a list',
    'default_hooks': 'a dict',
    'custom_hooks': 'a list',
    'auto_scale_lr': 'a dict',
    'randomness': 'a dict',
    'env_cfg': 'a dict',
    'work_dir': 'a text',
}


def check_sections(cfg: Config) -> None:
    """Check the kind of every section that the tools look into.

    A config file, or ``--cfg-options``, may put anything anywhere; what is
    deeper down is checked by whoever is built from it.

    Args:
        cfg: The config.

    Raises:
        UsageError: A section is of another kind.
    """
    for name, kind in _SECTIONS.items():
        value = cfg.get(name)
        if value is not None and not isinstance(value, _KINDS[kind]):
            raise UsageError(
                f'{name} of the config must be {kind}, but is {value!r}.'
            )
