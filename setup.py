"""Packaging of deeprank_mm."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent


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
        'docs': ['furo', 'myst-parser', 'sphinx'],
        'test': ['hypothesis', 'pytest', 'ruff'],
    },
)
