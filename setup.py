"""Packaging of deeprank_mm."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
# What OpenMIM looks for inside of a package, below `.mim`.
MIM = ('configs', 'tools', 'model-index.yml')


class BuildWithMim(build_py):
    """Put configs and tools into the wheel; the source tree stays as it is.

    Without them, `mim train deeprank_mm` and `python -m deeprank_mm` would
    work from a checkout only.
    """

    def run(self) -> None:
        """Build the package, and `.mim` inside of it."""
        super().run()
        if getattr(self, 'editable_mode', False):
            return  # the source tree has them
        target = Path(self.build_lib, 'deeprank_mm', '.mim')
        shutil.rmtree(target, ignore_errors=True)
        for source in self.mim_files():
            copy = target / source.relative_to(HERE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)

    def get_outputs(self, include_bytecode=1) -> list:
        """All files that are built, for whoever installs them."""
        outputs = super().get_outputs(include_bytecode)
        if getattr(self, 'editable_mode', False):
            return outputs
        target = Path(self.build_lib, 'deeprank_mm', '.mim')
        return outputs + [
            str(target / source.relative_to(HERE))
            for source in self.mim_files()
        ]

    @staticmethod
    def mim_files() -> list:
        """The files, without caches and without what only we need."""
        files = []
        for name in MIM:
            path = HERE / name
            files += [path] if path.is_file() else sorted(path.rglob('*'))
        return [
            path
            for path in files
            if path.is_file()
            and '__pycache__' not in path.parts
            and 'dev' not in path.relative_to(HERE).parts
        ]


def version() -> str:
    """Read the version without importing the package."""
    scope = {}
    exec((HERE / 'deeprank_mm' / 'version.py').read_text('utf-8'), scope)
    return scope['__version__']


def description() -> str:
    """The README, where the source tree has one."""
    readme = HERE / 'README.md'
    return readme.read_text('utf-8') if readme.is_file() else ''


setup(
    name='deeprank-mm',
    version=version(),
    description='DeepRank for MMAction2: self-supervised pretraining for '
    'skeleton action recognition',
    long_description=description(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.9',
    packages=find_packages(include=['deeprank_mm', 'deeprank_mm.*']),
    package_data={'deeprank_mm': ['py.typed']},
    cmdclass={'build_py': BuildWithMim},
    install_requires=[
        'torch>=2.0',
        'mmengine>=0.8,<1',
        'mmaction2>=1.1,<1.3',
        # MMAction2 1.2.0 imports it and does not declare it.
        'importlib_metadata',
        'matplotlib',
        'numpy>=1.24',
        'rich',
        'scikit-learn',
        'scipy',
        # mmengine imports distutils, which Python 3.12 leaves to setuptools.
        'setuptools; python_version >= "3.12"',
    ],
    # `mmcv` and `mmcv-lite` are the same module in two builds and overwrite
    # each other, so that which one is the user's choice. The bounds are
    # those that MMAction2 checks when it is imported.
    extras_require={
        'lite': ['mmcv-lite>=2.0.1,<2.2'],
        'full': ['mmcv>=2.0.1,<2.2'],
        'onnx': ['onnx'],
        # mmpretrain asks for `modelindex`, which on PyPI is an empty
        # package; what it imports is in `model-index`. It also imports
        # torchvision without declaring it.
        'images': ['mmpretrain>=1.2', 'model-index', 'torchvision'],
        'tensorboard': ['tensorboard'],
        'docs': ['furo', 'myst-parser', 'sphinx'],
        'test': [
            'codespell',
            'hypothesis',
            'mypy',
            'pytest',
            'pytest-timeout',
            'pytest-xdist',
            'ruff',
            'tensorboard',
        ],
    },
)
