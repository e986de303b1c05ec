"""How many cases ran is part of the result."""

from tests.fuzz.harness import CASES


def pytest_terminal_summary(terminalreporter):
    """Print the count of each tier."""
    for tier, count in CASES.items():
        terminalreporter.write_line(f'fuzz: {count} cases in the {tier} tier')
