"""Oracle (Python integers) == reference (C): values, events and errors, over the whole model."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import pyqsim as qs
from parity.random_cases import Case, random_case
from pyqsim.testing import oracle

CASES = {1: 6_000, 2: 1_000_000}
CHUNK = 500


def outcome(run: Any) -> tuple[Any, ...]:
    """What a call did: its result and events, or its error."""
    try:
        y, events = run()
    except qs.errors.OverflowTrap as trap:
        return ("trap", trap.place)
    except qs.errors.AccumulatorRangeError:
        return ("range",)
    except qs.errors.PyqsimError as error:
        return (type(error).__name__,)
    counts = events.counts.tolist()
    places = [(s.overflows, s.first, s.minimum, s.maximum) for s in events.steps]
    extremes = (events.overflows, events.first, events.minimum, events.maximum)
    return ("value", y.dtype, y.shape, y.tolist(), places, extremes, counts)


def compare(case: Case) -> str:
    """Run a case on both and return the kind of outcome; a difference fails with the case."""
    args = (case.a, case.b, case.datapath)
    got = outcome(lambda: qs.matmul(*args, events=True, counts=True, **case.data))
    if got[0] in ("range", "CodeError"):  # int64 not proven: the oracle has no such limit
        return got[0]
    expected = outcome(lambda: oracle.matmul(*args, events=True, counts=True, **case.data))
    assert got == expected, f"{case}\n=> observed {got}\n   expected {expected}"
    return str(got[0])


@pytest.mark.parametrize("chunk", range(CASES[1] // CHUNK))
def test_oracle_equals_reference(chunk: int, level: int) -> None:
    """Seeded cases; a failing seed is its own regression."""
    chunks = CASES[1] // CHUNK
    size = CASES[level] // chunks
    kinds = Counter(compare(random_case(seed)) for seed in range(chunk * size, (chunk + 1) * size))
    assert kinds["value"] > 0.6 * size, kinds
    assert kinds["trap"] > 0, kinds


def test_threads_and_blocks_change_nothing() -> None:
    """The same bits and the same events for any thread count: M large enough for many blocks."""
    rng = np.random.Generator(np.random.PCG64(1))
    a = rng.integers(-128, 128, (1500, 40))
    b = rng.integers(-128, 128, (40, 20))
    steps = (
        qs.Narrow(shift=3, rounding=qs.STOCHASTIC(7)),
        qs.Accumulate(9, "saturate", group=4),
        qs.Accumulate(11, "wrap"),
    )
    dp = qs.Datapath(reduce=steps)
    y, events = qs.matmul(a, b, dp, events=True, counts=True, threads=1)
    for threads in (2, 3, 7):
        again, found = qs.matmul(a, b, dp, events=True, counts=True, threads=threads)
        assert (again == y).all()
        assert found.steps == events.steps
        assert found.first == events.first
        assert (found.counts == events.counts).all()
    assert events.overflows > 0
