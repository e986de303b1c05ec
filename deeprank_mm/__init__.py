"""DeepRank for MMAction2: self-supervised skeleton action recognition.

Importing this package adds its components to MMAction2's registries and
closes the gaps of the installed upstream versions (:mod:`deeprank_mm.compat`).
"""

from . import compat  # isort: skip  (must run before mmaction.models loads)

compat.apply()

# The initialisers of its backbones (AAGCN's `ConvBranch`) are registered by a
# module that importing its models alone leaves out.
import mmaction.engine  # noqa: E402,F401

from . import datasets, engine, evaluation, models  # noqa: E402,F401
from .version import __version__  # noqa: E402

__all__ = ['__version__']
