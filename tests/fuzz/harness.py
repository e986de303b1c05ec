"""How a property is fuzzed, and what counts as a clear error."""

import dis
import functools
import inspect
import os
import pickle
import traceback
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import deeprank_mm

PACKAGE = str(Path(deeprank_mm.__file__).parent)
# What the user is told with, UsageError and UnsafeAnnotationError included.
OUR_KINDS = (
    ValueError,
    TypeError,
    KeyError,
    FileNotFoundError,
    RuntimeError,
    pickle.UnpicklingError,
)
# A registry names the wrong `type` and tells where to look; a class of
# upstream, the wrong argument.
UPSTREAM = (
    'is not in the',
    'must contain the key "type"',
    'type must be a str or valid type',
    'unexpected keyword argument',
    'got multiple values for argument',
)
SHORTEST = 25  # characters of a sentence that says what is wrong

# How many cases ran, by tier.
CASES = Counter()
# How many times as many cases the thorough tier has.
MORE = int(os.environ.get('DEEPRANK_FUZZ', 1))


def is_clear(error):
    """Whether an error was raised on purpose, with a sentence.

    The innermost frame must be the package's own, and must stand at a
    ``raise``: an error that Python, NumPy or torch raise in the middle of
    a computation is none of ours, however long its text is.
    """
    text = str(error)
    if any(phrase in text for phrase in UPSTREAM):
        return True
    if not isinstance(error, OUR_KINDS) or len(text) < SHORTEST:
        return False
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if not frame.f_code.co_filename.startswith(PACKAGE):
        return False
    *_, last = _tracebacks(error.__traceback__)
    return any(
        instruction.offset == last.tb_lasti
        and instruction.opname == 'RAISE_VARARGS'
        for instruction in dis.get_instructions(last.tb_frame.f_code)
    )


def _tracebacks(link):
    while link is not None:
        yield link
        link = link.tb_next


def clear(function, *args, **kwargs):
    """What a function gives, or None if it ends in a clear error."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        if is_clear(error):
            return None
        raise


def fuzz(fast, thorough, **strategies):
    """Run a test on many cases; on thousands among the slow tests.

    The arguments that are strategies are drawn; all others are fixtures.
    The cases are the same in every run. ``DEEPRANK_FUZZ=N`` runs N times as
    many in the thorough tier.

    Args:
        fast: Cases of the fast tier.
        thorough: Cases of the thorough tier.
        **strategies: What is drawn.
    """

    def decorate(function):
        def run(tier, **fixtures):
            def case(**drawn):
                CASES[tier] += 1
                function(**drawn, **fixtures)

            settings(
                max_examples=fast if tier == 'fast' else thorough * MORE,
                derandomize=True,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )(given(**strategies)(case))()

        functools.update_wrapper(run, function)
        del run.__wrapped__
        names = [
            name
            for name in inspect.signature(function).parameters
            if name not in strategies
        ]
        run.__signature__ = inspect.Signature(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
            for name in ('tier', *names)
        )
        tiers = ['fast', pytest.param('thorough', marks=pytest.mark.slow)]
        return pytest.mark.parametrize('tier', tiers)(run)

    return decorate
