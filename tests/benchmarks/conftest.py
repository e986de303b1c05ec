"""The benchmarks are programs: they import each other by plain names."""

import sys

import pytest


@pytest.fixture(autouse=True)
def programs(repo_root, monkeypatch):
    """Let tests import from ``benchmarks``, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(repo_root / 'benchmarks'))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        path = getattr(sys.modules[name], '__file__', None) or ''
        if path.startswith(str(repo_root / 'benchmarks')):
            del sys.modules[name]
