"""Annotation files of the real data, converted once a session."""

from pathlib import Path

import pytest

from deeprank_mm.datasets.conversion import convert, write_annotations
from tests.tool_module import load_tool

TOOLS = Path(__file__).parents[2] / 'tools' / 'data'


def _converted(tool, conversion, folder, tmp_path_factory):
    module = load_tool(TOOLS / f'{tool}.py')
    path = tmp_path_factory.mktemp('data') / f'{tool}.pkl'
    write_annotations(path, *convert(getattr(module, conversion), folder))
    return str(path)


@pytest.fixture(scope='session')
def nw_ucla_file(data_root, tmp_path_factory):
    folder = data_root / 'nw_ucla' / 'all_sqe'
    if not folder.is_dir():
        pytest.skip('no NW-UCLA here')
    return _converted('nw_ucla', 'NW_UCLA', folder, tmp_path_factory)


@pytest.fixture(scope='session')
def utd_mhad_file(data_root, tmp_path_factory):
    folder = data_root / 'utd_mhad' / 'Skeleton'
    if not folder.is_dir():
        pytest.skip('no UTD-MHAD here')
    return _converted('utd_mhad', 'UTD_MHAD', folder, tmp_path_factory)
