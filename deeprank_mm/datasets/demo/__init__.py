"""A small synthetic skeleton data set for trying things out.

It is made by forward kinematics from hand-written key poses; nobody was
recorded. It shows that a pipeline works and learns. It does not show how well
a method recognises people.
"""

from .actions import ACTIONS
from .generator import make_demo, write_demo

__all__ = ['ACTIONS', 'make_demo', 'write_demo']
