import pytest

from tests.tool_module import load_tool


@pytest.fixture
def scaling(repo_root):
    return load_tool(repo_root / 'tools' / 'dev' / 'scaling.py')


def test_the_page_holds_what_the_tool_computes(scaling, repo_root):
    page = (repo_root / 'docs' / 'scaling.md').read_text()
    for part in scaling.tables().split('\n\n'):
        assert part in page


def test_numbers_counted_by_hand(scaling):
    assert scaling.bank_bytes(1_000_000, 3, 2) == 1_000_000 * 3 * 256 * 2
    assert scaling.gather_bytes(1000, 1) == 0
    assert scaling.step_seconds(1) == 3 * scaling.FLOPS * 64 / 10e12
    assert scaling.refresh_seconds(800, 8) == scaling.refresh_seconds(100, 1)
    assert scaling.size(1536e6) == '1.54 GB'
    assert scaling.time(7200) == '2 h'
