"""A script of tools/ as a module: for what it defines, not for its run."""

import importlib.util
from pathlib import Path
from types import ModuleType


def load_tool(path) -> ModuleType:
    """Import the file at ``path``."""
    path = Path(path)
    spec = importlib.util.spec_from_file_location(f'{path.stem}_tool', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
