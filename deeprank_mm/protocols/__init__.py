"""Evaluation protocols: what runs, what is kept, what a table says."""

from .benchmark import Benchmark
from .cells import parse_protocols, parse_seeds
from .sources import Source

__all__ = ['Benchmark', 'Source', 'parse_protocols', 'parse_seeds']
